/* Reference kernels of the ops on text: tables, hashes, tokens. Tokens are never copied: a token is a stretch of the text, read through
 * the filter that standardisation is (bytes left out, letters made small), so n-grams need no memory either. */
#include "run/kernels.h"
#include "run/text_hash.h"

static int compare_bytes(const char *a, size_t n, const char *b, size_t m)
{
    int order = n && m ? memcmp(a, b, n < m ? n : m) : 0;
    return order ? order : n < m ? -1 : n > m;
}

/* ---- lookup ---- */

void cuv_k_lookup_str(const cuv_kernel_args *a)
{
    const cuv_string *x = a->in[0].data, *keys = a->in[1].data;
    const int64_t *values = a->in[2].data;
    int64_t *y = a->out[0].data;
    for (size_t i = 0, n = cuv_run_count(&a->in[0]); i < n; i++) {
        size_t low = 0, high = (size_t)a->in[1].shape[0];
        y[i] = a->attrs->count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            int order = compare_bytes(keys[middle].data, keys[middle].size, x[i].data, x[i].size);
            if (order == 0) {
                y[i] = values[middle];
                break;
            }
            *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
        }
    }
}

void cuv_k_lookup_i64(const cuv_kernel_args *a)
{
    const int64_t *x = a->in[0].data, *keys = a->in[1].data, *values = a->in[2].data;
    int64_t *y = a->out[0].data;
    for (size_t i = 0, n = cuv_run_count(&a->in[0]); i < n; i++) {
        size_t low = 0, high = (size_t)a->in[1].shape[0];
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            *(keys[middle] < x[i] ? &low : &high) = keys[middle] < x[i] ? middle + 1 : middle;
        }
        y[i] = low < (size_t)a->in[1].shape[0] && keys[low] == x[i] ? values[low] : a->attrs->count;
    }
}

/* ---- hashes ---- */

static int64_t bin_of(const cuv_attrs *at, const char *text, size_t size)
{
    uint64_t h = at->salt[2] ? cuv_siphash(text, size, (uint64_t)at->salt[0], (uint64_t)at->salt[1]) : cuv_farmhash64(text, size);
    return (int64_t)(h % (uint64_t)at->count);
}

void cuv_k_hash_str(const cuv_kernel_args *a)
{
    const cuv_string *x = a->in[0].data;
    int64_t *y = a->out[0].data;
    for (size_t i = 0, n = cuv_run_count(&a->in[0]); i < n; i++)
        y[i] = bin_of(a->attrs, x[i].data, x[i].size);
}

static size_t decimal(int64_t v, char text[24])
{
    char digits[24];
    size_t n = 0, size = 0;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        text[size++] = '-';
    while (n)
        text[size++] = digits[--n];
    return size;
}

void cuv_k_hash_i64(const cuv_kernel_args *a)
{
    const int64_t *x = a->in[0].data;
    int64_t *y = a->out[0].data;
    char text[24];
    for (size_t i = 0, n = cuv_run_count(&a->in[0]); i < n; i++)
        y[i] = bin_of(a->attrs, text, decimal(x[i], text));
}

static uint64_t feature_of(const cuv_run_tensor *t, size_t i)
{
    if (t->dtype != CUV_STR)
        return (uint64_t)((const int64_t *)t->data)[i];
    const cuv_string *s = (const cuv_string *)t->data + i;
    return cuv_farmhash64(s->data, s->size);
}

void cuv_k_cross(const cuv_kernel_args *a)
{
    const uint64_t start = 0xDECAFCAFFEu;     /* TensorFlow's default key */
    int64_t *y = a->out[0].data;
    for (size_t i = 0, n = cuv_run_count(&a->in[0]); i < n; i++) {
        uint64_t h = start;
        for (int k = 0; k < a->in_count; k++)
            h = cuv_fingerprint_cat(h, feature_of(&a->in[k], i));
        y[i] = (int64_t)(h % (uint64_t)a->attrs->count);
    }
}

/* ---- tokens ---- */

typedef struct reader {
    const char *data;
    size_t size;
    const cuv_attrs *at;
} reader;
typedef struct token { size_t from, to; } token;      /* bytes of the text as given */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The bytes that Keras's strip_punctuation takes away: all of ASCII's but the apostrophe is among them, too. */
static bool is_kept(const reader *r, char c)
{
    bool mark = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    return !r->at->strip || !mark;
}

static char as_read(const reader *r, char c)
{
    return r->at->lower && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The token at or behind *at; false when there is none. White space parts tokens, and what is left of an all-punctuation word is
 * nothing. */
static bool next_word(const reader *r, size_t *at, token *out)
{
    for (;;) {
        bool holds = false;
        while (*at < r->size && is_space(r->data[*at]))
            ++*at;
        out->from = *at;
        for (; *at < r->size && !is_space(r->data[*at]); ++*at)
            holds |= is_kept(r, r->data[*at]);
        out->to = *at;
        if (holds)
            return true;
        if (*at >= r->size)
            return false;
    }
}

static bool next_character(const reader *r, size_t *at, token *out)
{
    while (*at < r->size && !is_kept(r, r->data[*at]))
        ++*at;
    if (*at >= r->size)
        return false;
    out->from = (*at)++;
    while (*at < r->size && ((unsigned char)r->data[*at] & 0xc0u) == 0x80u)
        ++*at;
    out->to = *at;
    return true;
}

static bool next_token(const reader *r, size_t *at, token *out)
{
    if (r->at->split)
        return r->at->split == 1 ? next_word(r, at, out) : next_character(r, at, out);
    if (*at)
        return false;
    *out = (token){0, r->size};
    *at = r->size + 1;
    return true;
}

/* The bytes of `n` tokens from *at on, parted by spaces; -1 at the end. `holding`: one read ahead when a token is over. */
typedef struct stream { const reader *r; size_t at, place; token now; int left; } stream;

static int next_byte(stream *s)
{
    for (;;) {
        while (s->place < s->now.to) {
            char c = s->r->data[s->place++];
            if (is_kept(s->r, c))
                return (unsigned char)as_read(s->r, c);
        }
        if (s->left == 0)
            return -1;
        s->left--;
        if (!next_token(s->r, &s->at, &s->now))
            return -1;
        s->place = s->now.from;
        return ' ';
    }
}

static stream start_stream(const reader *r, size_t at, int n)
{
    stream s = {.r = r, .at = at, .left = n - 1};
    (void)next_token(r, &s.at, &s.now);
    s.place = s.now.from;
    return s;
}

static int compare_stream(stream s, const cuv_string *key)
{
    for (size_t i = 0;; i++) {
        int c = next_byte(&s);
        if (c < 0 || i == key->size)
            return c < 0 ? (i == key->size ? 0 : -1) : 1;
        if (c != (unsigned char)key->data[i])
            return c < (unsigned char)key->data[i] ? -1 : 1;
    }
}

/* Value of the n-gram that starts at `at`: -1 for an empty one. */
static int64_t value_of(const cuv_kernel_args *a, const reader *r, size_t at, int n)
{
    const cuv_string *keys = a->in[1].data;
    size_t low = 0, high = (size_t)a->in[1].shape[0];
    stream s = start_stream(r, at, n), empty = s;
    if (next_byte(&empty) < 0)
        return -1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_stream(s, &keys[middle]);
        if (order == 0)
            return ((const int64_t *)a->in[2].data)[middle];
        *(order > 0 ? &low : &high) = order > 0 ? middle + 1 : middle;
    }
    return -2;
}

/* Hands on the value of each n-gram of one size. */
typedef void take_value(void *to, const cuv_attrs *at, size_t *done, int64_t value);

static void each_gram(const cuv_kernel_args *a, const reader *r, int n, take_value *take, void *to, size_t *done)
{
    token t;
    size_t ahead = 0;
    for (int i = 0; i < n; i++)
        if (!next_token(r, &ahead, &t))
            return;
    for (size_t at = 0;;) {
        take(to, a->attrs, done, value_of(a, r, at, n));
        (void)next_token(r, &at, &t);
        if (!next_token(r, &ahead, &t))
            return;
    }
}

static void each_value(const cuv_kernel_args *a, size_t row, take_value *take, void *to)
{
    const cuv_string *x = (const cuv_string *)a->in[0].data + row;
    reader r = {x->data, x->size, a->attrs};
    size_t done = 0;
    if (!a->attrs->axes_count)
        each_gram(a, &r, 1, take, to, &done);
    for (int k = 0; k < a->attrs->axes_count; k++)
        each_gram(a, &r, a->attrs->axes[k], take, to, &done);
}

int64_t cuv_most_tokens(const cuv_attrs *at, const cuv_string *texts, size_t n)
{
    int64_t most = 0;
    for (size_t i = 0; i < n; i++) {
        const reader r = {texts[i].data, texts[i].size, at};
        int64_t tokens = 0, all = 0;
        token t;
        for (size_t place = 0; next_token(&r, &place, &t);)
            tokens++;
        for (int k = 0; k < at->axes_count; k++)
            all += tokens >= at->axes[k] ? tokens - at->axes[k] + 1 : 0;
        all = at->axes_count ? all : tokens;
        most = all > most ? all : most;
    }
    return most;
}

static void put_id(void *to, const cuv_attrs *at, size_t *done, int64_t value)
{
    if (*done < (size_t)at->count)
        ((int64_t *)to)[*done] = value == -1 ? 0 : value == -2 ? 1 : value;
    ++*done;
}

void cuv_k_tokens_str(const cuv_kernel_args *a)
{
    size_t width = (size_t)a->attrs->count;
    int64_t *y = a->out[0].data;
    for (size_t row = 0; row < (size_t)a->in[0].shape[0]; row++) {
        memset(y + row * width, 0, width * sizeof *y);
        each_value(a, row, put_id, y + row * width);
    }
}

static void count_id(void *to, const cuv_attrs *at, size_t *done, int64_t value)
{
    int64_t id = value == -2 ? 0 : value;
    if (id >= 0 && id < at->count)
        ((float *)to)[id] += 1;
    ++*done;
}

void cuv_k_token_counts_str(const cuv_kernel_args *a)
{
    size_t width = (size_t)a->attrs->count;
    float *y = a->out[0].data;
    for (size_t row = 0; row < (size_t)a->in[0].shape[0]; row++) {
        for (size_t i = 0; i < width; i++)
            y[row * width + i] = 0;
        each_value(a, row, count_id, y + row * width);
    }
}
