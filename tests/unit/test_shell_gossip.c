/* Gossip on real sockets: what forged packets can and cannot do to a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "gossip/packet.h"
#include "shell_cluster.h"

#define PACKETS 600u

static atomic_uint member_lines;

static void line_count(struct log *log, const char *line, size_t size)
{
    (void)log;
    (void)size;
    if (strstr(line, " member: ") != NULL) {
        atomic_fetch_add(&member_lines, 1);
    }
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct gossip_record record_of(const struct id *host, uint64_t incarnation,
                                      enum gossip_status status)
{
    return (struct gossip_record){
        .host = *host,
        .generation = incarnation,
        .incarnation = incarnation,
        .address = {.family = 4, .bytes = {127, 0, 0, 1}, .port = 9},
        .status = (uint8_t)status,
    };
}

/* A packet of `sender` that brings one piece of news to the first node. */
static void forge(struct shell_cluster *cluster, int udp, const struct id *sender,
                  const struct gossip_record *news)
{
    uint8_t bytes[GOSSIP_PACKET_MAX_BYTES];
    struct gossip_record self = record_of(sender, 1, GOSSIP_ALIVE);
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct id name = id_of_name(ID_HOST, cluster->nodes[0].node->topology->cluster_name);
    gossip_packet_head(&writer, GOSSIP_NACK, bytes_get_u64_be(name.bytes));
    gossip_record_write(&writer, &self);
    writer_u8(&writer, 0);
    writer_u32(&writer, 1);
    gossip_record_write(&writer, news);
    struct slice packet = writer_done(&writer);
    gossip_packet_seal(packet);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(cluster->nodes[0].port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    assert_int_equal(
        sendto(udp, packet.data, packet.size, 0, (const struct sockaddr *)&to, sizeof to),
        packet.size);
}

static json_int_t gossip_counter(struct shell_cluster *cluster, const char *name,
                                 size_t *out_members)
{
    struct shell_client client;
    shell_client_connect(&client, cluster->nodes[0].port);
    json_t *report = shell_client_admin(&client, "gossipinfo");
    json_int_t count =
        json_integer_value(json_object_get(json_object_get(report, "counters"), name));
    *out_members = json_array_size(json_object_get(report, "nodes"));
    json_decref(report);
    shell_client_close(&client);
    return count;
}

static const struct id *host_of(struct shell_cluster *cluster, unsigned node)
{
    const struct node *first = cluster->nodes[0].node;
    return &first->topology->nodes[cluster->nodes[node].node->self].host_id;
}

static void forged_deaths_do_not_fill_the_log(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    shell_cluster_start(&cluster, 3, "");
    cluster.nodes[0].log.write = line_count;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint64_t incarnation = wall_ms();
    for (unsigned i = 0; i < PACKETS; i++) {
        struct gossip_record news = record_of(host_of(&cluster, 2), incarnation + i,
                                              i % 2 == 0 ? GOSSIP_DEAD : GOSSIP_ALIVE);
        forge(&cluster, udp, host_of(&cluster, 1), &news);
        usleep(300);
    }
    usleep(100000);
    close(udp);
    shell_cluster_stop(&cluster);
    /* Some lines were used up at the start; a second window may begin, and says what was left out.
     */
    assert_in_range(atomic_load(&member_lines), LOG_LIMIT_LINES / 2, 2 * LOG_LIMIT_LINES + 1);
}

static void hosts_that_are_not_configured_are_no_members(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    shell_cluster_start(&cluster, 3, "");
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct id stranger = id_of_name(ID_HOST, slice_of_text("stranger"));
    struct gossip_record news = record_of(&stranger, wall_ms(), GOSSIP_ALIVE);
    size_t members = 0;
    json_int_t refused = 0;
    for (int i = 0; i < 100 && refused == 0; i++) {
        forge(&cluster, udp, host_of(&cluster, 1), &news);
        refused = gossip_counter(&cluster, "strangers_refused", &members);
    }
    close(udp);
    shell_cluster_stop(&cluster);
    assert_true(refused > 0);
    assert_int_equal(members, 3);
}

static void a_death_at_an_incarnation_from_the_future_is_not_believed(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    shell_cluster_start(&cluster, 3, "");
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct gossip_record dead =
        record_of(host_of(&cluster, 2), GOSSIP_INCARNATION_MAX, GOSSIP_DEAD);
    size_t members = 0;
    json_int_t refused = 0;
    for (int i = 0; i < 100 && refused == 0; i++) {
        forge(&cluster, udp, host_of(&cluster, 1), &dead);
        refused = gossip_counter(&cluster, "incarnations_refused", &members);
    }
    close(udp);
    assert_true(refused > 0);
    assert_int_equal(gossiper_view_of(cluster.nodes[0].node, cluster.nodes[2].node->self), VIEW_UP);
    shell_cluster_stop(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_deaths_do_not_fill_the_log),
        cmocka_unit_test(hosts_that_are_not_configured_are_no_members),
        cmocka_unit_test(a_death_at_an_incarnation_from_the_future_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
