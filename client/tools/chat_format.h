/*
 * The formats of chat logs, one file each. X(name, reader, what is counted)
 *
 *   jsonl     {"conversation", "sender", "ts_ms", "text" or "text_hex"} and, where wanted, "id",
 *             "type", "media_url", "members"; a line with "members" and no "sender" only names
 *             members
 *   slack     a folder as Slack exports it, unpacked
 *   telegram  result.json of Telegram Desktop, of one chat or of all
 *   whatsapp  the text file of one chat, in any of its date formats
 *   irc       a log of irssi, WeeChat, HexChat, ZNC, eggdrop
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_FORMAT_H
#define COLUMBA_CLIENT_TOOLS_CHAT_FORMAT_H

#include "client/tools/chat_reading.h"

#define CHAT_FORMATS(X)                                                                            \
    X(jsonl, chat_jsonl_read, "line")                                                              \
    X(slack, chat_slack_read, "message")                                                           \
    X(telegram, chat_telegram_read, "message")                                                     \
    X(whatsapp, chat_whatsapp_read, "line")                                                        \
    X(irc, chat_irc_read, "line")

/* Reads options->path to its end. False: it cannot be read, or no memory (said). */
#define X(name, reader, counted) bool reader(struct chat_reading *reading);
CHAT_FORMATS(X)
#undef X

#endif
