/* A node for a microcontroller: a lamp. It needs sockets, as lwIP has them (ESP-IDF, Zephyr), and 6 KB
 * of memory. Lines are read and written as openclaw-bridge-protocol(7) describes.
 *
 *     cc -o lamp lamp.c && ./lamp 192.168.1.10 18790 token.txt
 *     openclaw-bridge nodes invoke --node "Desk lamp" --command lamp.set --params '{"on":true}'
 *
 * It does not encrypt, so the bridge needs `tls.enabled: false` or `tls.allowPlaintext: true`. With
 * esp_tls in place of connect, compare the certificate with `openclaw-bridge fingerprint`. */
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define SELF "\"nodeId\":\"lamp-1\",\"displayName\":\"Desk lamp\",\"platform\":\"esp32\",\"commands\":[\"lamp.set\"]"
#define SEND(...) (dprintf(fileno(gateway), __VA_ARGS__) > 0)
static char line[4096], token[257], type[32], id[300], text[512];

/* The text of a field; "" if there is none. Quotes within strings are escaped: this finds no others. */
static char *field(const char *key, char *out, size_t room) {
    char name[32];
    size_t length = 0;
    snprintf(name, sizeof name, "\"%s\":\"", key);
    const char *at = strstr(line, name);
    for (at = at ? at + strlen(name) : ""; *at && *at != '"' && length + 1 < room; at++)
        out[length++] = *at == '\\' && at[1] ? *++at : *at;
    out[length] = 0;
    return out;
}

/* Acts on a frame; false ends the connection. */
static int take(FILE *gateway, const char *path, int *asked) {
    static int told;
    field("type", type, sizeof type);
    field("id", id, sizeof id);
    if (!strcmp(type, "ping")) return SEND("{\"type\":\"pong\",\"id\":\"%s\"}\n", id);
    if (!strcmp(type, "error")) /* Not paired: ask, and wait for an operator to approve. */
        return !(*asked)++ && SEND("{\"type\":\"pair-request\"," SELF "}\n");
    if (!strcmp(type, "pair-ok")) { /* The token is issued once, so it has to survive a power cut. */
        FILE *file = fopen(path, "w");
        return file && fputs(field("token", token, sizeof token), file) > 0 && !fflush(file) && !fsync(fileno(file)) && !fclose(file);
    }
    if (!strcmp(type, "hello-ok") && !told++) /* An event: the agent hears that there is power again. */
        return SEND("{\"type\":\"event\",\"event\":\"agent.request\",\"payloadJSON\":\"{\\\"message\\\":\\\"The lamp has power.\\\"}\"}\n");
    if (strcmp(type, "invoke")) return 1;
    if (strcmp(field("command", text, sizeof text), "lamp.set"))
        return SEND("{\"type\":\"invoke-res\",\"id\":\"%s\",\"ok\":false,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"unknown command\"}}\n", id);
    const char *on = strstr(field("paramsJSON", text, sizeof text), "\"on\":true") ? "true" : "false";
    printf("on: %s\n", on); /* gpio_set_level */
    return SEND("{\"type\":\"invoke-res\",\"id\":\"%s\",\"ok\":true,\"payloadJSON\":\"{\\\"on\\\":%s}\"}\n", id, on);
}

/* One connection, until it ends or is silent: the bridge pings after 45 s without a line. */
static void live(FILE *gateway, const char *path) {
    FILE *file = fopen(path, "r");
    if (file && !fgets(token, sizeof token, file)) *token = 0;
    if (file) fclose(file);
    int asked = 0, is_end = 1, ok = SEND("{\"type\":\"hello\"," SELF ",\"token\":\"%s\"}\n", token);
    for (int was_end = 1; ok && fgets(line, sizeof line, gateway); was_end = is_end) {
        is_end = strchr(line, '\n') != NULL;
        if (is_end && was_end) ok = take(gateway, path, &asked); /* A longer line is left out. */
    }
}

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    struct timeval silence = {.tv_sec = 120};
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; argc == 4; sleep(5)) {
        if (getaddrinfo(argv[1], argv[2], &hints, &found)) continue;
        FILE *gateway = fdopen(socket(found->ai_family, SOCK_STREAM, 0), "r");
        if (gateway) setsockopt(fileno(gateway), SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
        if (gateway && !connect(fileno(gateway), found->ai_addr, found->ai_addrlen)) live(gateway, argv[3]);
        if (gateway) fclose(gateway);
        freeaddrinfo(found);
    }
    return fprintf(stderr, "usage: lamp HOST PORT TOKENFILE\n"), 2;
}
