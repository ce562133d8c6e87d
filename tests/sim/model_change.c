/* Edits and deletions: who made them, what is known of them, and what a row may show. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/model.h"

struct model_edit *model_edit_add(struct model_message *message, const struct id *change,
                                  struct slice content, uint64_t now_us)
{
    struct model_edit *edit = calloc(1, sizeof *edit + content.size);
    COLUMBA_ASSERT(edit != NULL);
    edit->change.id = *change;
    edit->change.asked_at_us = now_us;
    edit->change.known_at_us = NEVER;
    edit->next = message->edits;
    edit->content_size = content.size;
    memcpy(edit->content, content.data, content.size);
    message->edits = edit;
    return edit;
}

void model_edits_free(struct model_message *message)
{
    while (message->edits != NULL) {
        struct model_edit *next = message->edits->next;
        free(message->edits);
        message->edits = next;
    }
}

void model_change_begin(struct model_change *change, uint64_t now_us)
{
    if (!change->is_asked) {
        change->is_asked = true;
        change->asked_at_us = now_us;
        change->known_at_us = NEVER;
    }
    change->attempts_open++;
}

static void change_known(struct model_change *change, uint64_t now_us)
{
    change->known_at_us = now_us < change->known_at_us ? now_us : change->known_at_us;
}

void model_change_end(struct model_change *change, enum model_outcome outcome, bool is_quorum,
                      uint64_t now_us)
{
    COLUMBA_ASSERT(change->attempts_open > 0);
    change->attempts_open--;
    change->is_possible = change->is_possible || outcome != OUTCOME_REFUSED;
    if (outcome == OUTCOME_DONE && is_quorum) {
        change_known(change, now_us);
    }
}

bool model_change_is_refused(const struct model_change *change)
{
    return !change->is_asked || (change->attempts_open == 0 && !change->is_possible);
}

static struct model_edit *edit_of(struct model_message *message, struct slice content)
{
    struct model_edit *edit = message->edits;
    while (edit != NULL && !slice_equal(content, slice_of(edit->content, edit->content_size))) {
        edit = edit->next;
    }
    return edit;
}

/* Whatever was known when the read began is shown, or something that came after it. */
static void check_edit_newest(struct model *model, const struct model_read *read,
                              const struct model_message *message, const struct model_edit *shown)
{
    for (const struct model_edit *edit = message->edits; edit != NULL; edit = edit->next) {
        bool is_known = edit->change.known_at_us < read->start_us;
        bool is_older = shown == NULL || shown->change.known_at_us < edit->change.asked_at_us;
        if (is_known && edit != shown && is_older) {
            findings_add(model->findings, "%s read %s edit than one known since %.6f s", read->who,
                         shown == NULL ? "no" : "an older", (double)edit->change.known_at_us / 1e6);
        }
    }
}

static void check_edit(struct model *model, const struct model_read *read,
                       struct model_message *message, const struct message_history_row *row)
{
    struct model_edit *edit = row->edited.size == 0 ? NULL : edit_of(message, row->edited);
    if (row->edited.size > 0 && (edit == NULL || model_change_is_refused(&edit->change))) {
        findings_add(model->findings, "%s read an edit that %s", read->who,
                     edit == NULL ? "nobody made" : "was refused");
        return;
    }
    if ((row->edited.size > 0) != (row->edit_number > 0)) {
        findings_add(model->findings, "%s read an edit without its number", read->who);
    }
}

void model_row_changes(struct model *model, const struct model_read *read,
                       struct model_message *message, const struct message_history_row *row)
{
    const struct model_change *deletion = &message->deletion;
    if (row->is_deleted && model_change_is_refused(deletion)) {
        findings_add(model->findings, "%s read that a message is deleted, which nobody did",
                     read->who);
    }
    if (row->is_deleted) {
        if (row->content.size > 0 || row->edited.size > 0) {
            findings_add(model->findings, "%s read a text of a deleted message", read->who);
        }
        if (!slice_equal(row->deleted_sender, slice_of_text(model->users[message->sender].name))) {
            findings_add(model->findings, "%s read that somebody else sent a deleted message",
                         read->who);
        }
        return;
    }
    if (read->is_quorum && deletion->is_asked && deletion->known_at_us < read->start_us) {
        findings_add(model->findings, "%s read a message that was deleted, known since %.6f s",
                     read->who, (double)deletion->known_at_us / 1e6);
    }
    check_edit(model, read, message, row);
    if (read->is_quorum) {
        check_edit_newest(model, read, message,
                          row->edited.size == 0 ? NULL : edit_of(message, row->edited));
    }
}

void model_changes_known(struct model_message *message, const struct message_history_row *row,
                         uint64_t now_us)
{
    struct model_edit *edit = row->edited.size == 0 ? NULL : edit_of(message, row->edited);
    if (row->is_deleted) {
        change_known(&message->deletion, now_us);
    } else if (edit != NULL) {
        change_known(&edit->change, now_us);
    }
}
