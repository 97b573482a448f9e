/* Which sources the library was built from. */
#include "kernel.h"

#ifndef MK_SOURCES
#define MK_SOURCES "unknown"
#endif

API const char *mk_sources(void) { return MK_SOURCES; }
