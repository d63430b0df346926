/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ddm_code_name(enum ddm_code code)
{
    switch (code) {
#define X(id, number, name, text)                                                                  \
    case id:                                                                                       \
        return name;
        DDM_CODES(X)
#undef X
    }
    return "fail";
}

const char *ddm_source_state_name(enum ddm_source_state state)
{
    switch (state) {
#define X(id, name)                                                                                \
    case id:                                                                                       \
        return name;
        DDM_SOURCE_STATES(X)
#undef X
    }
    return "idle";
}

#undef error_set
int error_set(struct ddm_error *err, enum ddm_code code, const char *format, ...)
{
    if (err) {
        char raw[sizeof err->message];
        va_list ap;
        va_start(ap, format);
        vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        str_printable(err->message, sizeof err->message, raw); /* it may quote anything */
        err->code = code;
    }
    return -(int)code;
}

int error_prefix(struct ddm_error *err, const char *format, ...)
{
    if (!err)
        return -DDM_E_FAIL;
    char rest[sizeof err->message];
    memcpy(rest, err->message, sizeof rest);
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(err->message, sizeof err->message, format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->message - 3)
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %.*s",
                 (int)(sizeof rest - 3) - n, rest);
    return -(int)err->code;
}

int error_memory(struct ddm_error *err)
{
    return error_set(err, DDM_E_FAIL, "out of memory");
}
