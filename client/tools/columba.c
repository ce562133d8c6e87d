/*
 * columba: the client on the command line.
 */
#include "client/tools/columba_commands.h"

/* What the formats carry, for the manual page. */
static const char more[] =
    ".SH \"FORMATS OF CHAT LOGS\"\n"
    "Messages of a conversation are sorted by time. Those that are imported again, or stand in "
    "several files that overlap, are there once. What cannot be carried is told.\n"
    ".TP\n.B jsonl\nJSON Lines, as export writes them. A message is an object with conversation, "
    "sender, ts_ms (Unix milliseconds) and text (or text_hex, its bytes), and may have id, type "
    "(text, image, file, audio, video, system, or a number) and media_url. An object with "
    "conversation and members, a list of names or of objects with name and read_up_to, names "
    "members who need not write; without read_up_to members have read everything.\n"
    ".TP\n.B slack\nThe folder of an export, unpacked: channels, direct conversations, members, "
    "files by URL. Reactions, attachments and second files of a message are left out.\n"
    ".TP\n.B telegram\nresult.json of Telegram Desktop, of one chat or all. Of two people or chats "
    "with one name the second is called by its id too.\n"
    ".TP\n.B whatsapp\nThe text file of one chat, of Android or iOS, in any order of day and "
    "month. The conversation is called by \\-\\-conversation, else by the file.\n"
    ".TP\n.B irc\nLogs of irssi, WeeChat, HexChat, ZNC and what looks like them. The day comes "
    "from "
    "the lines, the file\\(aqs name, or \\-\\-date.\n"
    ".SH EXAMPLES\n.nf\n"
    "columba import \\-\\-format whatsapp \\-\\-timezone Europe/Berlin \"WhatsApp Chat with "
    "Ann.txt\"\n"
    "columba import \\-\\-format slack \\-\\-dry\\-run export/\n"
    "columba export \\-\\-user ann | gzip >ann.jsonl.gz\n"
    "date | columba send \\-\\-from ann \\-\\-to garden \\-\n.fi";

int main(int argc, char **argv)
{
    static const struct tool_manual manual = {
        .section = "1",
        .purpose = "the client of Columba on the command line",
        .description =
            "Sends and reads messages of a Columba cluster, and brings chat logs into it "
            "and out of it. Names of users and conversations are UTF\\-8. Text that "
            "begins with a dash comes after \\-\\-.",
        .more = more,
    };
    static const struct tool_command commands[] = {
#define X(name, function, arguments, text) {name, arguments, text, function},
        COLUMBA_COMMANDS(X)
#undef X
    };
    struct tool tool = {.program = "columba", .manual = &manual};
    return (int)tool_run(&tool, argc, (const char **)(void *)argv, commands,
                         sizeof(commands) / sizeof(commands[0]));
}
