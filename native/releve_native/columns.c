/* Usage events as columns, from the JSON of a request to rows of COPY.
 *
 * Part of Relevé. See LICENSE file for full copyright and licensing details.
 *
 * Functions over buffers that the caller owns: nothing is allocated, nothing is kept,
 * nothing of Python is touched. Whatever is out of the ordinary makes a function say
 * UNFIT, and the caller goes the way that is written in Python and says what is wrong.
 *
 * Every text that is read ends with a NUL byte, which no JSON text may hold, so a look
 * at the next byte never leaves the buffer.
 */

#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "written for processors that put the lowest byte first"
#endif

#define VERSION 2
#define UNFIT (-1)

/* What the parts of an event may be long, in bytes; longer ones are looked at by others. */
#define NAME 512
#define DIMENSIONS 32
#define PROPERTIES 32
#define DOCUMENT 4096
#define NUMBER 13
#define SCALE 4
#define TOO_LARGE 1000000000000LL

/* Where a part of an event stands, and how many bytes it has. */
typedef struct {
    int32_t at, size;
} span;

typedef struct {
    int64_t time;           /* microseconds since 2000-01-01 UTC */
    int64_t units;          /* the value in 10 to the power of -SCALE */
    int32_t scale;          /* its digits after the point; -1 when there is no value */
    int32_t line;           /* number of the row */
    span id, type, subject; /* in the body */
    span number;            /* in the body, without the zeros at its end */
    span dimensions;        /* in the marks: name NUL text NUL ..., as received */
    span document, said;    /* in the marks: properties, see jsonform.document_of */
} event;

/* A key that is known: type, subject and dimensions, one behind the other. */
typedef struct {
    uint64_t hash;
    int64_t place;
    int64_t at;
    int32_t type_size, subject_size, dimensions_size, reserved;
} entry;

int32_t releve_version(void) { return VERSION; }

/* -- reading ---------------------------------------------------------------------- */

static const uint8_t *skip(const uint8_t *p) {
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') p++;
    return p;
}

/* After a mark and the space around it; NULL without it. */
static const uint8_t *pass(const uint8_t *p, uint8_t mark) {
    p = skip(p);
    return *p == mark ? skip(p + 1) : NULL;
}

/* A text without a backslash; behind its end, NULL for anything else. */
static const uint8_t *text(const uint8_t *p, const uint8_t *body, span *found) {
    if (*p != '"') return NULL;
    const uint8_t *start = ++p;
    while (*p >= 0x20 && *p != '"' && *p != '\\') p++;
    if (*p != '"') return NULL;
    found->at = (int32_t)(start - body);
    found->size = (int32_t)(p - start);
    return p + 1;
}

static int is_name(span found) { return found.size && found.size <= NAME; }

static int digit(uint8_t mark) { return mark >= '0' && mark <= '9'; }

/* So many digits as a number, UNFIT when one is something else. */
static int32_t digits(const uint8_t *p, int count) {
    int32_t found = 0;
    while (count--) {
        if (!digit(*p)) return UNFIT;
        found = found * 10 + (*p++ - '0');
    }
    return found;
}

/* Days from 2000-01-01 to a day of the Gregorian calendar; its year begins in March. */
static int64_t days(int32_t year, int32_t month, int32_t day) {
    year -= month < 3;
    int32_t shifted = month < 3 ? month + 9 : month - 3;
    int64_t since = 365LL * year + year / 4 - year / 100 + year / 400;
    return since + (153 * shifted + 2) / 5 + day - 1 - 730425;
}

/* "2026-10-01T12:30:00.5Z": up to six digits behind the point, in UTC. */
static int read_time(const uint8_t *p, int32_t size, int64_t *found) {
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (size < 20 || size > 27 || size == 21) return UNFIT;
    if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' ||
        p[size - 1] != 'Z')
        return UNFIT;
    int32_t year = digits(p, 4), month = digits(p + 5, 2), day = digits(p + 8, 2);
    int32_t hour = digits(p + 11, 2), minute = digits(p + 14, 2);
    int32_t second = digits(p + 17, 2), micros = 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return UNFIT;
    int leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
    if (month == 2 && day == 29 && !leap) return UNFIT;
    if (size > 20) {
        if (p[19] != '.') return UNFIT;
        micros = digits(p + 20, size - 21);
        if (micros < 0) return UNFIT;
        for (int32_t i = size; i < 27; i++) micros *= 10;
    }
    int64_t seconds = (hour * 60 + minute) * 60 + second;
    *found = (days(year, month, day) * 86400 + seconds) * 1000000 + micros;
    return 0;
}

/* A JSON number that is short and not negative; behind its end, NULL for any other. */
static const uint8_t *read_number(const uint8_t *p, const uint8_t *body, event *e) {
    const uint8_t *start = p, *end;
    int64_t units = 0;
    int32_t scale = 0;
    if (*p == '0' && digit(p[1])) return NULL;
    while (digit(*p) && p - start < NUMBER) units = units * 10 + (*p++ - '0');
    if (p == start) return NULL;
    end = p;
    if (*p == '.') {
        const uint8_t *point = p++;
        while (digit(*p) && scale <= SCALE) units = units * 10 + (*p++ - '0'), scale++;
        if (!scale) return NULL;
        end = p;
        while (end[-1] == '0') end--;
        if (end == point + 1) end = point;
    }
    if (p - start > NUMBER || scale > SCALE) return NULL;
    if (digit(*p) || *p == '.' || *p == 'e' || *p == 'E') return NULL;
    for (int32_t i = scale; i < SCALE; i++) units *= 10;
    if (units >= TOO_LARGE) return NULL;
    e->units = units;
    e->scale = scale;
    e->number.at = (int32_t)(start - body);
    e->number.size = (int32_t)(end - start);
    return p;
}

typedef struct {
    span name, text;
} member;

static int compare(const uint8_t *a, int32_t a_size, const uint8_t *b, int32_t b_size) {
    int found = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return found ? found : a_size - b_size;
}

/* Members of an object of texts, in the order of their names if wanted.
 * Behind its end; NULL for anything else, too many of them, or a name that is twice. */
static const uint8_t *read_members(const uint8_t *p, const uint8_t *body,
                                   member *members, int32_t most, int sorted,
                                   int32_t *count) {
    *count = 0;
    if (*p != '{') return NULL;
    p = skip(p + 1);
    if (*p == '}') return p + 1;
    for (;;) {
        member new;
        if (*count == most) return NULL;
        if (!(p = text(p, body, &new.name)) || !is_name(new.name)) return NULL;
        if (!(p = pass(p, ':')) || !(p = text(p, body, &new.text))) return NULL;
        int32_t place = *count;
        for (int32_t i = *count; i--;) {
            int order = compare(body + members[i].name.at, members[i].name.size,
                                body + new.name.at, new.name.size);
            if (!order) return NULL;
            if (sorted && order > 0 && place == i + 1) place = i;
        }
        memmove(members + place + 1, members + place, (*count - place) * sizeof new);
        members[place] = new;
        ++*count;
        p = skip(p);
        if (*p == '}') return p + 1;
        if (*p != ',') return NULL;
        p = skip(p + 1);
    }
}

static uint8_t *put(uint8_t *out, const void *from, int32_t size) {
    memcpy(out, from, size);
    return out + size;
}

static const uint8_t *read_dimensions(const uint8_t *p, const uint8_t *body, event *e,
                                      uint8_t *marks, uint8_t **free) {
    member members[DIMENSIONS + 1];
    int32_t count;
    if (!(p = read_members(p, body, members, DIMENSIONS, 0, &count))) return NULL;
    uint8_t *out = *free;
    e->dimensions.at = (int32_t)(out - marks);
    for (int32_t i = 0; i < count; i++) {
        if (members[i].text.size > NAME) return NULL;
        out = put(out, body + members[i].name.at, members[i].name.size);
        *out++ = 0;
        out = put(out, body + members[i].text.at, members[i].text.size);
        *out++ = 0;
    }
    e->dimensions.size = (int32_t)(out - *free);
    *free = out;
    return p;
}

/* Properties in the order of their names: as JSON, and as what they say. */
static const uint8_t *read_properties(const uint8_t *p, const uint8_t *body, event *e,
                                      uint8_t *marks, uint8_t **free) {
    member members[PROPERTIES + 1];
    int32_t count;
    if (!(p = read_members(p, body, members, PROPERTIES, 1, &count))) return NULL;
    if (!count) return p;
    uint8_t *out = *free;
    e->document.at = (int32_t)(out - marks);
    *out++ = '{';
    for (int32_t i = 0; i < count; i++) {
        span name = members[i].name, value = members[i].text;
        if (!value.size) return NULL; /* an empty text says nothing */
        /* a mark before '"' puts a name and its text in another order than the name */
        for (int32_t k = 0; k < name.size; k++)
            if (body[name.at + k] < '#') return NULL;
        if (i) *out++ = ',';
        *out++ = '"';
        out = put(out, body + name.at, name.size);
        out = put(out, "\":\"", 3);
        out = put(out, body + value.at, value.size);
        *out++ = '"';
    }
    *out++ = '}';
    e->document.size = (int32_t)(out - *free);
    if (e->document.size > DOCUMENT) return NULL;
    e->said.at = (int32_t)(out - marks);
    *free = out;
    for (int32_t i = 0; i < count; i++) {
        if (i) out = put(out, ", ", 2);
        *out++ = '"';
        out = put(out, body + members[i].name.at, members[i].name.size);
        out = put(out, "\": \"", 4);
        out = put(out, body + members[i].text.at, members[i].text.size);
        *out++ = '"';
    }
    e->said.size = (int32_t)(out - *free);
    *free = out;
    return p;
}

enum { ID = 1, TYPE = 2, SUBJECT = 4, TIME = 8, VALUE = 16, DIMS = 32, PROPS = 64 };

static int32_t member_of(const uint8_t *name, int32_t size) {
    switch (size) {
    case 2: return memcmp(name, "id", 2) ? 0 : ID;
    case 4: return !memcmp(name, "type", 4) ? TYPE : memcmp(name, "time", 4) ? 0 : TIME;
    case 5: return memcmp(name, "value", 5) ? 0 : VALUE;
    case 7: return memcmp(name, "subject", 7) ? 0 : SUBJECT;
    case 10:
        return !memcmp(name, "dimensions", 10) ? DIMS
               : memcmp(name, "properties", 10) ? 0 : PROPS;
    default: return 0;
    }
}

static const uint8_t *read_event(const uint8_t *p, const uint8_t *body, event *e,
                                 uint8_t *marks, uint8_t **free) {
    int32_t seen = 0;
    memset(e, 0, sizeof *e);
    e->scale = -1;
    if (*p != '{') return NULL;
    p = skip(p + 1);
    for (;;) {
        span name, time;
        if (!(p = text(p, body, &name)) || !(p = pass(p, ':'))) return NULL;
        int32_t found = member_of(body + name.at, name.size);
        if (!found || found & seen) return NULL;
        seen |= found;
        switch (found) {
        case ID: p = text(p, body, &e->id); break;
        case TYPE: p = text(p, body, &e->type); break;
        case SUBJECT: p = text(p, body, &e->subject); break;
        case TIME:
            p = text(p, body, &time);
            if (p && read_time(body + time.at, time.size, &e->time)) return NULL;
            break;
        case VALUE: p = read_number(p, body, e); break;
        case DIMS: p = read_dimensions(p, body, e, marks, free); break;
        default: p = read_properties(p, body, e, marks, free);
        }
        if (!p) return NULL;
        p = skip(p);
        if (*p == '}') break;
        if (*p != ',') return NULL;
        p = skip(p + 1);
    }
    if ((seen & (ID | TYPE | SUBJECT | TIME)) != (ID | TYPE | SUBJECT | TIME)) return NULL;
    if (!is_name(e->id) || !is_name(e->type) || !is_name(e->subject)) return NULL;
    return p + 1;
}

/* Read {"events": [...]}.
 *
 * body: valid UTF-8 with a NUL behind it; events: room for as many as most; marks: room
 * for three times the body.
 * Returns the number of events, UNFIT when anything is out of the ordinary. */
int64_t releve_read(const uint8_t *body, int64_t size, event *events, int64_t most,
                    uint8_t *marks) {
    uint8_t *free = marks;
    int64_t count = 0;
    span name;
    const uint8_t *p = pass(body, '{');
    if (!p || !(p = text(p, body, &name)) || name.size != 6) return UNFIT;
    if (memcmp(body + name.at, "events", 6)) return UNFIT;
    if (!(p = pass(p, ':')) || !(p = pass(p, '['))) return UNFIT;
    for (;;) {
        if (count == most) return UNFIT;
        if (!(p = read_event(p, body, events + count, marks, &free))) return UNFIT;
        events[count].line = (int32_t)count + 1;
        count++;
        p = skip(p);
        if (*p == ']') break;
        if (*p != ',') return UNFIT;
        p = skip(p + 1);
    }
    if (!(p = pass(p + 1, '}'))) return UNFIT;
    return p == body + size ? count : UNFIT;
}

/* -- matching ---------------------------------------------------------------------- */

/* A product of 64 by 64 bits, both halves of it: who does not know the secret cannot
 * tell which texts meet. (Of the lower half alone that could be told.) */
static uint64_t folded(uint64_t word, uint64_t secret) {
    unsigned __int128 product = (unsigned __int128)word * secret;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static uint64_t mix(uint64_t hash, const uint8_t *from, int32_t size, uint64_t secret) {
    uint64_t word;
    hash = folded(hash ^ (uint64_t)size, secret);
    for (; size >= 8; from += 8, size -= 8) {
        memcpy(&word, from, 8);
        hash = folded(hash ^ word, secret);
    }
    word = 0;
    memcpy(&word, from, size);
    return folded(hash ^ word, secret);
}

static uint64_t hash_of(const uint8_t *body, const uint8_t *marks, const event *e,
                        uint64_t seed) {
    const uint64_t secret = (seed ^ 0x9E3779B97F4A7C15u) | 1;
    uint64_t hash = mix(seed, body + e->subject.at, e->subject.size, secret);
    hash = mix(hash, body + e->type.at, e->type.size, secret);
    hash = mix(hash, marks + e->dimensions.at, e->dimensions.size, secret);
    return hash ^ hash >> 32;
}

/* Places of events by type, subject and dimensions, UNFIT for those unknown.
 *
 * buckets: power of two, each the number of an entry plus one, 0 for none, some of which
 * must be 0; hashes: of all events, written. */
void releve_find(const uint8_t *body, const uint8_t *marks, const event *events,
                 int64_t count, uint64_t seed, const int32_t *buckets, uint64_t mask,
                 const entry *entries, const uint8_t *keys, uint64_t *hashes,
                 int64_t *places) {
    for (int64_t i = 0; i < count; i++) {
        const event *e = events + i;
        uint64_t hash = hashes[i] = hash_of(body, marks, e, seed), bucket = hash & mask;
        int32_t number;
        places[i] = UNFIT;
        for (; (number = buckets[bucket]); bucket = (bucket + 1) & mask) {
            const entry *known = entries + number - 1;
            const uint8_t *key = keys + known->at;
            if (known->hash == hash && known->type_size == e->type.size &&
                known->subject_size == e->subject.size &&
                known->dimensions_size == e->dimensions.size &&
                !memcmp(key, body + e->type.at, e->type.size) &&
                !memcmp(key + e->type.size, body + e->subject.at, e->subject.size) &&
                !memcmp(key + e->type.size + e->subject.size,
                        marks + e->dimensions.at, e->dimensions.size)) {
                places[i] = known->place;
                break;
            }
        }
    }
}

/* -- keys -------------------------------------------------------------------------- */

/* BLAKE2b, RFC 7693, without a key. */

static const uint64_t START[8] = {
    0x6A09E667F3BCC908u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u,
    0x510E527FADE682D1u, 0x9B05688C2B3E6C1Fu, 0x1F83D9ABFB41BD6Bu, 0x5BE0CD19137E2179u};
static const uint8_t SIGMA[12][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

static uint64_t turned(uint64_t word, int by) { return word >> by | word << (64 - by); }

#define MIX(a, b, c, d, x, y)            \
    v[a] += v[b] + (x);                  \
    v[d] = turned(v[d] ^ v[a], 32);      \
    v[c] += v[d];                        \
    v[b] = turned(v[b] ^ v[c], 24);      \
    v[a] += v[b] + (y);                  \
    v[d] = turned(v[d] ^ v[a], 16);      \
    v[c] += v[d];                        \
    v[b] = turned(v[b] ^ v[c], 63)

static void compress(uint64_t *state, const uint8_t *block, uint64_t length, int last) {
    uint64_t v[16], m[16];
    memcpy(m, block, 128);
    memcpy(v, state, 64);
    memcpy(v + 8, START, 64);
    v[12] ^= length;
    if (last) v[14] = ~v[14];
#pragma GCC unroll 12
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = SIGMA[round];
        MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
        MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
        MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
        MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
        MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
        MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
        MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
        MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++) state[i] ^= v[i] ^ v[i + 8];
}

/* Digest of at most 16 bytes over a text of at most 2 * NAME bytes in two parts. */
static void digest(const uint8_t *head, int32_t head_size, const uint8_t *tail,
                   int32_t tail_size, int32_t size, uint8_t *out) {
    uint8_t blocks[2 * NAME + 128];
    int32_t length = head_size + tail_size, done = 0;
    int32_t padded = length ? (length + 127) / 128 * 128 : 128;
    uint64_t state[8];
    memcpy(blocks, head, head_size);
    memcpy(blocks + head_size, tail, tail_size);
    memset(blocks + length, 0, padded - length);
    memcpy(state, START, 64);
    state[0] ^= 0x01010000u ^ (uint64_t)size;
    for (; done + 128 < padded; done += 128) compress(state, blocks + done, done + 128, 0);
    compress(state, blocks + done, length, 1);
    memcpy(out, state, size);
}

/* The first bytes of a key: milliseconds since 1970, the highest first. */
static void put_milliseconds(uint8_t *key, int64_t milliseconds) {
    for (int i = 6; i--; milliseconds >>= 8) key[i] = (uint8_t)milliseconds;
}

#define MS_BEFORE_2000 946684800000LL

static int hexadecimal(uint8_t mark) {
    if (digit(mark)) return mark - '0';
    mark |= 0x20;
    return mark >= 'a' && mark <= 'f' ? mark - 'a' + 10 : UNFIT;
}

/* Milliseconds that a UUID of version 7 carries, UNFIT for any other text. */
static int64_t uuid7_time(const uint8_t *id, int32_t size) {
    int64_t milliseconds = 0;
    if (size != 36 || id[14] != '7') return UNFIT;
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (id[i] != '-') return UNFIT;
            continue;
        }
        int found = hexadecimal(id[i]);
        if (found < 0) return UNFIT;
        if (i < 13) milliseconds = milliseconds << 4 | found;
    }
    return milliseconds;
}

/* Keys of events whose ids are UUIDs of version 7, see keys.key_function.
 *
 * scope: up to NAME bytes; tolerance: microseconds; keys: 16 bytes for each event.
 * Returns 0, UNFIT when an id carries no time or one too far from the event's. */
int64_t releve_uuid7_keys(const uint8_t *body, const event *events, int64_t count,
                          const uint8_t *scope, int32_t scope_size, int64_t tolerance,
                          uint8_t *keys) {
    if (scope_size > NAME) return UNFIT;
    for (int64_t i = 0; i < count; i++, keys += 16) {
        const uint8_t *id = body + events[i].id.at;
        int64_t carried = uuid7_time(id, events[i].id.size);
        if (carried < 0) return UNFIT;
        int64_t ahead = (carried - MS_BEFORE_2000) * 1000 - events[i].time;
        if (ahead < -tolerance || ahead > tolerance) return UNFIT;
        put_milliseconds(keys, carried);
        digest(scope, scope_size, id, events[i].id.size, 10, keys + 6);
    }
    return 0;
}

#define ID_END 6

/* Keys of events whose ids say nothing of a time, see keys.identity_function.
 *
 * uniques: 16 bytes for each event, what a register tells them apart by; NULL without.
 * Returns 0, UNFIT when a time is before 1970. */
int64_t releve_identity_keys(const uint8_t *body, const event *events, int64_t count,
                             const uint8_t *scope, int32_t scope_size, uint8_t *keys,
                             uint8_t *uniques) {
    uint8_t stem_scope[NAME + 1];
    if (scope_size > NAME) return UNFIT;
    memcpy(stem_scope, scope, scope_size);
    stem_scope[scope_size] = 0x1e;
    for (int64_t i = 0; i < count; i++, keys += 16) {
        const uint8_t *id = body + events[i].id.at;
        int32_t size = events[i].id.size, stem = size > ID_END ? size - ID_END : 0;
        /* rounded down, also before 2000 */
        int64_t micros = events[i].time, milliseconds = micros / 1000;
        milliseconds -= milliseconds * 1000 > micros;
        if (milliseconds + MS_BEFORE_2000 < 0) return UNFIT;
        put_milliseconds(keys, milliseconds + MS_BEFORE_2000);
        uint8_t end[ID_END] = {0};
        memcpy(end + ID_END - (size - stem), id + stem, size - stem);
        memcpy(keys + 6, end + 2, 4);
        digest(scope, scope_size, id, size, 6, keys + 10);
        if (uniques) {
            digest(stem_scope, scope_size + 1, id, stem, 6, uniques); /* 4 of them */
            memcpy(uniques + 4, end, ID_END);
            memcpy(uniques + 10, keys + 10, 6);
            uniques += 16;
        }
    }
    return 0;
}

/* -- contents ---------------------------------------------------------------------- */

/* Texts of ways: what the hashed text of an event begins with, see ways.Way.
 *
 * heads, said: one for each way; members: those of a way from its first to before the
 * first of the next one, in order. All are spans in the texts. */
typedef struct {
    span head, said;
    int32_t first_member, last_member;
} way;

/* What properties and dimensions say together, in order (jsonform.said_by). */
static uint8_t *put_together(uint8_t *out, const uint8_t *said, const uint8_t *end,
                             const uint8_t *texts, const span *members,
                             const span *last) {
    int begun = 0;
    while (said < end || members < last) {
        int32_t size = 0;
        int is_property = 0;
        if (said < end) { /* a member ends with the second of its texts */
            for (int quotes = 0; quotes < 4 && size < end - said; size++) {
                if (said[size] == '"') quotes++;
                if (said[size] == '\\' && size + 1 < end - said) size++;
            }
            is_property = members == last ||
                          compare(said, size, texts + members->at, members->size) <= 0;
        }
        if (begun) out = put(out, ", ", 2);
        begun = 1;
        if (is_property) {
            out = put(out, said, size);
            said += size + (said + size < end ? 2 : 0);
        } else {
            out = put(out, texts + members->at, members->size);
            members++;
        }
    }
    return out;
}

static uint8_t *put_number(uint8_t *out, int64_t number) {
    uint8_t found[20];
    int size = 0;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    if (number < 0) *out++ = '-';
    do found[size++] = '0' + left % 10;
    while (left /= 10);
    while (size) *out++ = found[--size];
    return out;
}

/* Texts whose hash is the payload hash, each with a line feed behind it.
 *
 * at: numbers of the events' ways; room: bytes of the room for the texts.
 * Returns how many are written, UNFIT when there is not room enough. */
int64_t releve_contents(const uint8_t *body, const uint8_t *marks, const event *events,
                        int64_t count, const int64_t *at, const way *ways,
                        const span *members, const uint8_t *texts, uint8_t *out,
                        int64_t room) {
    uint8_t *start = out, *end = out + room;
    for (int64_t i = 0; i < count; i++) {
        const event *e = events + i;
        const way *w = ways + at[i];
        int64_t needed = 64 + e->said.size + w->head.size + w->said.size + e->number.size;
        for (int32_t k = w->first_member; k < w->last_member; k++)
            needed += members[k].size + 2;
        if (needed > end - out) return UNFIT;
        if (e->said.size) {
            const uint8_t *said = marks + e->said.at;
            out = put(out, texts + w->head.at, w->head.size);
            out = put_together(out, said, said + e->said.size, texts,
                               members + w->first_member, members + w->last_member);
            *out++ = '|';
        } else {
            out = put(out, texts + w->said.at, w->said.size);
        }
        out = put_number(out, e->time);
        *out++ = '|';
        out = put(out, body + e->number.at, e->number.size);
        out = put(out, "||\n", 3);
    }
    return out - start;
}

/* -- rows of COPY ------------------------------------------------------------------ */

static uint8_t *put_16(uint8_t *out, uint32_t number) {
    *out++ = (uint8_t)(number >> 8);
    *out++ = (uint8_t)number;
    return out;
}

static uint8_t *put_32(uint8_t *out, uint32_t number) {
    return put_16(put_16(out, number >> 16), number & 0xffff);
}

static uint8_t *put_64(uint8_t *out, uint64_t number) {
    return put_32(put_32(out, (uint32_t)(number >> 32)), (uint32_t)number);
}

static uint8_t *put_field(uint8_t *out, const void *from, int32_t size) {
    return put(put_32(out, (uint32_t)size), from, size);
}

/* A number of three groups of four digits, the last behind the point; the server drops
 * the zeros at either end. */
static uint8_t *put_numeric(uint8_t *out, int64_t units, int32_t scale) {
    if (scale < 0) return put_32(out, (uint32_t)-1);
    out = put_32(out, 14);
    out = put_16(out, 3);
    out = put_16(out, 1);
    out = put_16(out, 0);
    out = put_16(out, (uint32_t)scale);
    out = put_16(out, (uint32_t)(units / 100000000));
    out = put_16(out, (uint32_t)(units / 10000 % 10000));
    return put_16(out, (uint32_t)(units % 10000));
}

/* Rows of facts in binary format.
 *
 * order: positions of the events in the order of their rows, NULL for their own;
 * contents: 8 bytes for each; ordinals, slots: ids of the rows and numbers of routes;
 * out: room for 110 bytes a row beside ids and documents. Returns bytes written. */
int64_t releve_rows(const uint8_t *body, const uint8_t *marks, const event *events,
                    int64_t count, const int64_t *order, const uint8_t *keys,
                    const uint8_t *contents, const int64_t *ordinals,
                    const int32_t *slots, uint8_t *out) {
    uint8_t *start = out;
    for (int64_t n = 0; n < count; n++) {
        int64_t i = order ? order[n] : n;
        const event *e = events + i;
        out = put_16(out, 10);
        out = put_field(out, keys + 16 * i, 16);
        out = put_64(put_32(out, 8), (uint64_t)e->time);
        out = put_field(out, contents + 8 * i, 8);
        out = put_64(put_32(out, 8), (uint64_t)ordinals[i]);
        out = put_32(put_32(out, 4), (uint32_t)slots[i]);
        out = put_32(put_32(out, 4), (uint32_t)e->line);
        out = put_field(out, body + e->id.at, e->id.size);
        out = put_numeric(out, e->units, e->scale);
        out = put_32(out, (uint32_t)-1);
        if (e->document.size) {
            out = put_32(out, (uint32_t)e->document.size + 1);
            *out++ = 1;
            out = put(out, marks + e->document.at, e->document.size);
        } else {
            out = put_32(out, (uint32_t)-1);
        }
    }
    return out - start;
}
