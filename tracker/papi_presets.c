#include "tracker/papi_presets.h"

#include <dlfcn.h>
#include <papi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- derived presets as linear forms -------------------------------------------------------------------------------------- */

enum { STACK = 16 };

/* constant + sum of weight * native. */
struct form {
    int64_t constant, weights[GT_EVENT_TERMS];
};

static bool is_constant(const struct form *form)
{
    for (int i = 0; i < GT_EVENT_TERMS; i++)
        if (form->weights[i] != 0)
            return false;
    return true;
}

static bool add_form(struct form *a, const struct form *b, int64_t sign)
{
    bool over = __builtin_add_overflow(a->constant, sign * b->constant, &a->constant);
    for (int i = 0; i < GT_EVENT_TERMS; i++)
        over = __builtin_add_overflow(a->weights[i], sign * b->weights[i], &a->weights[i]) || over;
    return !over;
}

static bool multiply_form(struct form *a, const struct form *b)
{
    struct form other = *b;
    if (!is_constant(b)) {
        if (!is_constant(a))
            return false;
        other = *a;
        *a = *b;
    }
    bool over = __builtin_mul_overflow(a->constant, other.constant, &a->constant);
    for (int i = 0; i < GT_EVENT_TERMS; i++)
        over = __builtin_mul_overflow(a->weights[i], other.constant, &a->weights[i]) || over;
    return !over;
}

/* One token of n bytes onto the stack, or applied to it. */
static bool step(const char *token, size_t n, int count, struct form *stack, int *depth)
{
    char *end;
    bool native = token[0] == 'N';
    if (n == 1 && strchr("+-*", token[0])) {
        if (*depth < 2)
            return false;
        (*depth)--;
        struct form *a = &stack[*depth - 1], *b = &stack[*depth];
        return token[0] == '*' ? multiply_form(a, b) : add_form(a, b, token[0] == '+' ? 1 : -1);
    }
    long value = strtol(token + native, &end, 10);
    if (end != token + n || end == token + native || value < 0 || value > INT32_MAX || *depth == STACK ||
        (native && value >= count))
        return false; /* a quotient, PAPI's '#' for the clock's rate, or nothing that we know */
    stack[*depth] = (struct form){.constant = native ? 0 : value};
    if (native)
        stack[*depth].weights[value] = 1;
    (*depth)++;
    return true;
}

static bool postfix_weights(const char *postfix, int count, int64_t weights[GT_EVENT_TERMS])
{
    struct form stack[STACK];
    int depth = 0;
    for (const char *at = postfix; *at;) {
        size_t n = strcspn(at, "|");
        if (n > 0 && !step(at, n, count, stack, &depth))
            return false;
        at += n + (at[n] == '|');
    }
    if (depth != 1 || stack[0].constant != 0)
        return false;
    memcpy(weights, stack[0].weights, sizeof stack[0].weights);
    return true;
}

bool gt_papi_weights(const char *derived, const char *postfix, int count, int64_t weights[GT_EVENT_TERMS])
{
    bool subtract = strcmp(derived, "DERIVED_SUB") == 0;
    if (count < 1 || count > GT_EVENT_TERMS)
        return false;
    if (strcmp(derived, "DERIVED_POSTFIX") == 0)
        return postfix_weights(postfix, count, weights);
    if (strcmp(derived, "DERIVED_ADD") != 0 && !subtract && !(strcmp(derived, "NOT_DERIVED") == 0 && count == 1))
        return false;
    for (int i = 0; i < count; i++)
        weights[i] = subtract && i > 0 ? -1 : 1;
    return true;
}

/* --- the library ---------------------------------------------------------------------------------------------------------- */

struct papi {
    void *handle;
    int (*library_init)(int version);
    int (*name_to_code)(const char *name, int *code);
    int (*enum_event)(int *code, int modifier);
    int (*get_event_info)(int code, PAPI_event_info_t *info);
    const char *missing; /* why it cannot be asked; NULL: it can */
};

static const struct papi *open_papi(struct papi *papi)
{
    const char *file = getenv("GREENTRACK_PAPI_LIBRARY");
    papi->handle = dlopen(file && *file ? file : "libpapi.so.7.0", RTLD_NOW | RTLD_LOCAL);
    if (!papi->handle) {
        papi->missing = "PAPI's library is not installed (Debian: libpapi7.0)";
        return papi;
    }
    papi->library_init = (int (*)(int))dlsym(papi->handle, "PAPI_library_init");
    papi->name_to_code = (int (*)(const char *, int *))dlsym(papi->handle, "PAPI_event_name_to_code");
    papi->enum_event = (int (*)(int *, int))dlsym(papi->handle, "PAPI_enum_event");
    papi->get_event_info = (int (*)(int, PAPI_event_info_t *))dlsym(papi->handle, "PAPI_get_event_info");
    if (!papi->library_init || !papi->name_to_code || !papi->enum_event || !papi->get_event_info)
        papi->missing = "PAPI's library lacks a function";
    else if (papi->library_init(PAPI_VER_CURRENT) != PAPI_VER_CURRENT)
        papi->missing = "PAPI's library is of another version than 7";
    return papi;
}

/* Offers all presets; the names are copied, since a suggestion outlives the enumeration. */
static void offer_all(const struct papi *papi, const char *name, struct gt_suggestion *nearest)
{
    static char best[PAPI_MAX_STR_LEN];
    PAPI_event_info_t *info = malloc(sizeof *info);
    int code = (int)PAPI_PRESET_MASK;
    for (int r = papi->enum_event(&code, PAPI_ENUM_FIRST); info && r == PAPI_OK; r = papi->enum_event(&code, PAPI_ENUM_EVENTS))
        if (papi->get_event_info(code, info) == PAPI_OK) {
            struct gt_suggestion before = *nearest;
            gt_suggest_offer(nearest, name, info->symbol);
            if (nearest->best == before.best)
                continue;
            snprintf(best, sizeof best, "%.*s", (int)sizeof best - 1, info->symbol);
            nearest->best = best;
        }
    free(info);
}

static enum gt_papi_result take_info(const PAPI_event_info_t *info, struct gt_papi_preset *preset, char *reason, size_t size)
{
    int count = (int)info->count;
    if (count == 0) {
        snprintf(reason, size, "PAPI has no native event for it on this machine");
        return GT_PAPI_ABSENT;
    }
    if (!gt_papi_weights(info->derived, info->postfix, count, preset->weights)) {
        snprintf(reason, size, "PAPI derives it (%s) in a way that is no sum of counts", info->derived);
        return GT_PAPI_ABSENT;
    }
    preset->count = 0;
    for (int i = 0; i < count; i++) {
        if (preset->weights[i] == 0)
            continue;
        if (strlen(info->name[i]) >= GT_EVENT_NAME) {
            snprintf(reason, size, "a native event's name is too long");
            return GT_PAPI_ABSENT;
        }
        preset->weights[preset->count] = preset->weights[i];
        strcpy(preset->natives[preset->count++], info->name[i]);
    }
    return GT_PAPI_FOUND;
}

enum gt_papi_result gt_papi_find(const char *name, struct gt_papi_preset *preset, char *reason, size_t size,
                                 struct gt_suggestion *nearest)
{
    struct papi papi = {0};
    int code;
    open_papi(&papi); /* a second time only counts a reference */
    if (papi.missing) {
        snprintf(reason, size, "%s", papi.missing);
        return GT_PAPI_ABSENT;
    }
    if (papi.name_to_code(name, &code) != PAPI_OK || !(code & (int)PAPI_PRESET_MASK)) {
        offer_all(&papi, name, nearest);
        return GT_PAPI_UNKNOWN;
    }
    PAPI_event_info_t *info = calloc(1, sizeof *info);
    enum gt_papi_result result = GT_PAPI_ABSENT;
    if (info && papi.get_event_info(code, info) == PAPI_OK)
        result = take_info(info, preset, reason, size);
    else
        snprintf(reason, size, "PAPI says nothing of it");
    free(info);
    return result;
}
