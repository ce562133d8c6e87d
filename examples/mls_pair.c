/*
 * Two devices of an encrypted conversation, in one program: what is carried from one to the other
 * is bytes, by whatever means. Real ones keep their groups in a storage (struct mls_storage), judge
 * credentials (`accepts`), and have a clock.
 *
 *     cc mls_pair.c $(pkg-config --cflags --libs columba-mls) -o mls_pair
 *     ./mls_pair "Hello from C"
 */
#include <stdio.h>
#include <stdlib.h>

#include <columba_mls.h>

static void must(enum mls_error error)
{
    if (error != MLS_OK) {
        fprintf(stderr, "%s\n", mls_error_text(error));
        exit(2);
    }
}

static struct mls_identity *identity_of(const char *name)
{
    struct mls_identity *identity;
    must(mls_identity_create(NULL, MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
                             slice_of_text(name), &identity));
    return identity;
}

/* Ann adds Bob by the package that he published; the commit has won its epoch, as nobody else is
 * in the group, so she merges it and sends him the welcome. */
static struct mls_group *add(struct mls_group *group, struct mls_identity *bob)
{
    struct mls_key_package *package;
    must(mls_key_package_create(bob, NULL, &package));
    const struct slice published = mls_key_package_message(package);
    const struct mls_commit_options adding = {.add = &published, .add_count = 1};
    struct mls_commit_bundle bundle;
    must(mls_group_commit(group, &adding, &bundle));
    must(mls_group_merge(group, MLS_STAGED_OWN));
    struct mls_group *joined;
    must(mls_group_join(bob, &package, 1, mls_buffer_done(&bundle.welcome), NULL, &joined));
    mls_commit_bundle_clear(&bundle);
    mls_key_package_destroy(package);
    return joined;
}

static void talk(struct mls_group *from, struct mls_group *to, const char *text)
{
    struct mls_buffer message;
    struct mls_event event;
    must(mls_group_encrypt(from, slice_of_text(text), slice_of(NULL, 0), &message));
    must(mls_group_process(to, mls_buffer_done(&message), &event));
    if (event.type == MLS_EVENT_APPLICATION) {
        printf("%.*s: %.*s\n", (int)event.credential.identity.size,
               (const char *)event.credential.identity.data, (int)event.data.size,
               (const char *)event.data.data);
    }
    mls_event_clear(&event);
    mls_buffer_clear(&message);
}

int main(int argc, char **argv)
{
    struct mls_identity *ann = identity_of("ann");
    struct mls_identity *bob = identity_of("bob");
    struct mls_group *of_ann;
    must(mls_group_create(ann, NULL, &of_ann));
    struct mls_group *of_bob = add(of_ann, bob);
    talk(of_ann, of_bob, argc > 1 ? argv[1] : "Hello, Bob");
    talk(of_bob, of_ann, "Hello, Ann");
    mls_group_destroy(of_ann);
    mls_group_destroy(of_bob);
    mls_identity_destroy(ann);
    mls_identity_destroy(bob);
    return 0;
}
