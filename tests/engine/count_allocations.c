/* Counts what the calling thread asks of the heap. Loaded before libc (LD_PRELOAD); the work is left to glibc's own functions. */
#include <stddef.h>
#include <errno.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static __thread long count __attribute__((tls_model("initial-exec")));

long heap_calls(void) { return count; }

void *malloc(size_t size) { count++; return __libc_malloc(size); }
void *calloc(size_t items, size_t size) { count++; return __libc_calloc(items, size); }
void *realloc(void *old, size_t size) { count++; return __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { count++; return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { count++; return __libc_memalign(alignment, size); }
void free(void *old) { count += old != NULL; __libc_free(old); }
int posix_memalign(void **place, size_t alignment, size_t size)
{
	count++;
	*place = __libc_memalign(alignment, size);
	return *place ? 0 : ENOMEM;
}
