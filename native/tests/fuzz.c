/* Bodies by chance, for the sanitizers: columns.c must stay within its buffers.
 *
 * Part of Relevé. See LICENSE file for full copyright and licensing details.
 *
 *     cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all fuzz.c -o fuzz
 *     ./fuzz 1000000 1        number of bodies, where chance begins
 *
 * Every buffer is of exactly the size that is promised, and of its own. */

#include "../releve_native/columns.c"

#include <stdio.h>
#include <stdlib.h>

static uint64_t chance;

static uint64_t any(uint64_t below) {
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    return (chance * 0x2545F4914F6CDD1Du >> 32) % below;
}

#define EVENT "{\"id\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\",\"type\":\"api\"," \
              "\"subject\":\"c-1\",\"time\":\"2026-10-01T12:30:00"
static const char *const bodies[] = {
    "{\"events\":[" EVENT "Z\"}]}",
    "{\"events\":[" EVENT ".5Z\",\"value\":1.50}," EVENT ".123456Z\",\"value\":0}]}",
    " { \"events\" : [ " EVENT "Z\" , \"dimensions\" : { \"b\" : \"2\" , \"a\" : \"\" "
    "} , \"properties\" : { \"z\" : \"\xc3\xa9\" , \"a\" : \"1\" } } ] } ",
    "{\"events\":[" EVENT "Z\",\"value\":99999999.9999,\"properties\":{\"k\":\"v\","
    "\"l\":\"w\"}}," EVENT "Z\",\"dimensions\":{}}," EVENT "Z\",\"properties\":{}}]}",
    "{\"events\":[{\"time\":\"0001-01-01T00:00:00Z\",\"subject\":\"s\",\"type\":\"t\","
    "\"id\":\"1\"},{\"id\":\"x\",\"type\":\"t\",\"subject\":\"s\",\"value\":12345678.1,"
    "\"time\":\"9999-12-31T23:59:59.999999Z\",\"dimensions\":{\"a\":\"b\"}}]}",
};
static const char *const tokens[] = {
    "\"", "\"\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "0", "9", ".", "-",
    "e", "Z", "T", "null", "true", "\x01", "\x7f", "\xc3\xa9", "\xff", "\\u0000",
    "\"a\":\"b\",", ",\"a\":\"b\"", ",\"value\":1", "0000000", "123456789", "\"id\":\"2\",",
    "\"properties\":{", "\"dimensions\":{", "\"time\":\"", "],", "},", "}]}", "\"\":\"\",",
};
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MOST 40000

/* Take out some bytes, put in others. */
static size_t edit(char *body, size_t size) {
    char new[2048];
    size_t at = any(size + 1), gone = 0, come = 0;
    switch (any(6)) {
    case 0: gone = any(size - at + 1) % (any(20) ? 12 : 400); break;
    case 1: new[come++] = (char)(1 + any(255)); gone = at < size; break;
    case 2: /* again, many times perhaps */
        for (size_t from = any(size + 1), k = from; k < size && come < 600; k++) {
            new[come++] = body[k];
            if (!any(30)) break;
        }
        for (size_t k = come, times = any(40); times-- && come + k < sizeof new; come += k)
            memcpy(new + come, new, k);
        break;
    case 3: /* as many members of an object as are allowed, and a little less or more */
        for (size_t k = 0; k + 3 < at; k++)
            if (!memcmp(body + k, "\":{", 3)) come = k + 3;
        if (!come) return size;
        at = come, come = 0;
        for (uint64_t k = any(40), stem = any(9); k--;)
            come += sprintf(new + come, "\"%02lu%lu\":\"%lu\",", k, stem, k);
        come -= come && body[at] == '}';
        break;
    case 4: /* a long text, as long as is allowed and a little less or more */
        come = (any(2) ? 500 : 0) + any(20);
        memset(new, 'x', come);
        break;
    default: {
        const char *token = tokens[any(COUNT(tokens))];
        come = strlen(token);
        memcpy(new, token, come);
        gone = any(3) ? 0 : any(6);
    }
    }
    if (gone > size - at) gone = size - at;
    if (size - gone + come > MOST) return size;
    memmove(body + at + come, body + at + gone, size - at - gone);
    memcpy(body + at, new, come);
    return size - gone + come;
}

static void *own(size_t size) {
    void *found = malloc(size ? size : 1);
    if (!found) abort();
    return found;
}

static void demand(int is_right, const char *what) {
    if (!is_right) fprintf(stderr, "not so: %s\n", what), abort();
}

static void within(span found, int64_t size, const char *what) {
    demand(found.at >= 0 && found.size >= 0 && (int64_t)found.at + found.size <= size,
           what);
}

/* All that is done with events that were read. */
static void use(const uint8_t *body, int64_t size, event *events, int64_t count,
                const uint8_t *marks, int64_t marks_size) {
    int64_t ids = 0, said = 0;
    for (int64_t i = 0; i < count; i++) {
        const event *e = events + i;
        const span in_body[] = {e->id, e->type, e->subject, e->number};
        const span in_marks[] = {e->dimensions, e->document, e->said};
        for (size_t k = 0; k < COUNT(in_body); k++) within(in_body[k], size, "in body");
        for (size_t k = 0; k < COUNT(in_marks); k++)
            within(in_marks[k], marks_size, "in marks");
        demand(e->line == i + 1 && e->scale >= -1 && e->scale <= SCALE, "event");
        demand(e->units >= 0 && e->units < TOO_LARGE, "units");
        ids += e->id.size + e->document.size;
        said += e->said.size;
    }
    /* a table that is full but for one bucket, all that is in it being alike */
    int32_t buckets[8] = {0};
    entry entries[7];
    uint64_t *hashes = own(8 * count);
    int64_t *places = own(8 * count);
    const event *first = events + any(count);
    int64_t key_size = first->type.size + first->subject.size + first->dimensions.size;
    uint8_t *known = own(key_size), *next = put(known, body + first->type.at,
                                                first->type.size);
    next = put(next, body + first->subject.at, first->subject.size);
    put(next, marks + first->dimensions.at, first->dimensions.size);
    uint64_t seed = any(UINT32_MAX);
    uint64_t hash = hash_of(body, marks, first, seed);
    for (int k = 0; k < 7; k++) {
        entries[k] = (entry){hash, k, 0, first->type.size, first->subject.size,
                             first->dimensions.size, 0};
        buckets[(hash + k) & 7] = k + 1;
    }
    releve_find(body, marks, events, count, seed, buckets, 7, entries, known, hashes,
                places);
    demand(places[first - events] >= 0, "found");
    /* keys */
    uint8_t *keys = own(16 * count), *uniques = own(16 * count), scope[2 * NAME];
    int32_t scope_size = (int32_t)any(any(9) ? NAME + 1 : 2 * NAME);
    memset(scope, 's', sizeof scope);
    releve_uuid7_keys(body, events, count, scope, scope_size,
                      any(2) ? (int64_t)1 << 62 : 0, keys);
    releve_identity_keys(body, events, count, scope, scope_size, keys,
                         any(2) ? uniques : NULL);
    /* contents: texts of ways that are no more than quotation marks and the like */
    uint8_t texts[64];
    for (size_t k = 0; k < sizeof texts; k++) texts[k] = "\"\\:, ab"[any(7)];
    span members[4];
    for (int k = 0; k < 4; k++) {
        members[k].at = (int32_t)any(32);
        members[k].size = (int32_t)any(32);
    }
    way ways[2] = {{{0, 3}, {1, 9}, 0, (int32_t)any(5)}, {{5, 8}, {3, 7}, 2, 4}};
    int64_t *at = own(8 * count), room = said + count * (int64_t)any(300);
    for (int64_t i = 0; i < count; i++) at[i] = (int64_t)any(2);
    uint8_t *out = own(room);
    releve_contents(body, marks, events, count, at, ways, members, texts, out, room);
    free(out);
    /* and of rows from elsewhere, that say something with escapes, or nothing sensible */
    event *others = own(count * sizeof *others);
    memcpy(others, events, count * sizeof *others);
    int32_t size_of_said = 1 + (int32_t)any(40);
    uint8_t *spoilt = own(size_of_said);
    for (int32_t k = 0; k < size_of_said; k++) spoilt[k] = "\"\"\"\\:, a"[any(8)];
    for (int64_t i = 0; i < count; i++) {
        others[i].said.at = (int32_t)any(size_of_said);
        others[i].said.size = size_of_said - others[i].said.at;
    }
    room = count * 400;
    out = own(room);
    releve_contents(body, spoilt, others, count, at, ways, members, texts, out, room);
    free(out), free(spoilt), free(others);
    /* rows */
    int64_t *ordinals = own(8 * count), *order = own(8 * count);
    int32_t *slots = own(4 * count);
    uint8_t *hashed = own(8 * count);
    memset(slots, 1, 4 * count), memset(hashed, 2, 8 * count), memset(keys, 3, 16 * count);
    for (int64_t i = 0; i < count; i++) ordinals[i] = order[i] = count - 1 - i;
    out = own(110 * count + ids);
    int64_t done = releve_rows(body, marks, events, count, any(2) ? order : NULL, keys,
                               hashed, ordinals, slots, out);
    demand(done > 0 && done <= 110 * count + ids, "rows");
    free(out), free(hashed), free(slots), free(order), free(ordinals), free(at);
    free(uniques), free(keys), free(known), free(places), free(hashes);
}

int main(int argc, char **argv) {
    long left = argc > 1 ? atol(argv[1]) : 100000, were_read = 0, fit = 0;
    chance = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * 2 + 1;
    static char made[MOST + 1];
    for (long n = 0; n < left; n++) {
        const char *from = bodies[any(COUNT(bodies))];
        size_t size = strlen(from);
        memcpy(made, from, size);
        for (uint64_t edits = any(5); edits--;) size = edit(made, size);
        uint8_t *body = own(size + 1), *marks = own(3 * size);
        memcpy(body, made, size);
        body[size] = 0;
        int64_t most = (int64_t)any(20) ? (int64_t)size / 50 + 1 : (int64_t)any(2);
        event *events = own(most * sizeof *events);
        int64_t count = releve_read(body, (int64_t)size, events, most, marks);
        demand(count >= UNFIT && count <= most, "count");
        if (count > 0) use(body, (int64_t)size, events, count, marks, 3 * (int64_t)size);
        if (count > 0) were_read++, fit += count;
        free(events), free(marks), free(body);
    }
    printf("%ld bodies, %ld of them read, %ld events\n", left, were_read, fit);
    return 0;
}
