/* Stands between the bridge and the C library (LD_PRELOAD), so that a test chooses the fault.
 *
 * FAULTS_DIR    the directory whose files are watched
 * FAULTS_RULE   a file of `struct rule`, mapped: the test changes it while the bridge runs
 * FAULTS_TRACE  where every change of the directory is recorded, in order (optional) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, NAME = 4, CREATE = 8, READ = 16, ACCEPT = 32, THREAD = 64 };

struct rule {
    uint32_t calls;    /* which calls are meant, as bits */
    int32_t error;     /* what they fail with; 0: they only take longer */
    uint32_t skip;     /* how many of them pass first */
    uint32_t count;    /* how many of them are hit */
    uint32_t seen;     /* how many there were */
    uint32_t delay_ms; /* how much longer those that are hit take */
    int64_t clock_s;   /* by how much the wall clock is wrong */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile struct rule *rule;
static const char *dir;
static int trace = -1;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *rules = getenv("FAULTS_RULE"), *record = getenv("FAULTS_TRACE");
    int file = rules ? syscall(SYS_openat, AT_FDCWD, rules, O_RDWR | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED
        : mmap(0, sizeof *rule, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) rule = map;
    if (record) trace = syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_APPEND | O_CLOEXEC);
    dir = getenv("FAULTS_DIR");
    /* What the bridge starts is not meant. */
    unsetenv("LD_PRELOAD");
}

/* Whether this call has to fail; sets errno then. */
static int hit(uint32_t call) {
    if (!rule || !(rule->calls & call)) return 0;
    int error = 0;
    uint32_t delay = 0;
    pthread_mutex_lock(&lock);
    rule->seen++;
    if (rule->skip) {
        rule->skip--;
    } else if (rule->count) {
        rule->count--;
        error = rule->error;
        delay = rule->delay_ms;
    }
    pthread_mutex_unlock(&lock);
    if (delay) {
        struct timespec time = { delay / 1000, delay % 1000 * 1000000L };
        nanosleep(&time, 0);
    }
    if (error) errno = error;
    return error != 0;
}

static int is_meant(const char *path) {
    return dir && path && !strncmp(path, dir, strlen(dir)) && path[strlen(dir)] == '/';
}

/* The path of an open file of the directory, without the directory. */
static const char *path_of(int fd, char *buffer) {
    char link[64];
    if (!dir || fd < 3) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int saved = errno;
    ssize_t len = readlink(link, buffer, PATH_MAX - 2);
    errno = saved;
    if (len < 0) return 0;
    buffer[len] = '/';
    buffer[len + 1] = 0;
    if (!is_meant(buffer)) return 0;
    buffer[len] = 0;
    return buffer + strlen(dir);
}

/* One record: kind, first path, second path or nothing, number, bytes. */
static void record(char kind, const char *one, const char *two, uint64_t number,
                   const void *bytes, uint32_t len) {
    if (trace < 0) return;
    uint32_t one_len = strlen(one), two_len = two ? strlen(two) : 0;
    struct iovec parts[] = {
        { &kind, 1 }, { &one_len, 4 }, { (void *)one, one_len }, { &two_len, 4 },
        { (void *)two, two_len }, { &number, 8 }, { &len, 4 }, { (void *)bytes, len },
    };
    int saved = errno;
    if (syscall(SYS_writev, trace, parts, 8) < 0) abort();
    errno = saved;
}

ssize_t write(int fd, const void *bytes, size_t len) {
    REAL(write);
    char buffer[PATH_MAX];
    const char *path = path_of(fd, buffer);
    if (!path) return real(fd, bytes, len);
    if (hit(WRITE)) {
        /* A disk that fills up takes a part first. */
        if (errno == ENOSPC && len > 1) real(fd, bytes, len / 2);
        errno = rule->error;
        return -1;
    }
    pthread_mutex_lock(&lock);
    struct stat state;
    fstat(fd, &state);
    int appends = fcntl(fd, F_GETFL) & O_APPEND;
    uint64_t at = appends ? state.st_size : lseek(fd, 0, SEEK_CUR);
    ssize_t written = real(fd, bytes, len);
    if (written > 0) record('w', path, 0, at, bytes, written);
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int fd, off64_t len) {
    REAL(ftruncate64);
    char buffer[PATH_MAX];
    const char *path = path_of(fd, buffer);
    if (path && hit(WRITE)) return -1;
    pthread_mutex_lock(&lock);
    int result = real(fd, len);
    if (path && !result) record('t', path, 0, len, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

/* Copies within the kernel would pass unseen; without these calls the bridge reads and writes. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
                        unsigned flags) {
    (void)in, (void)in_at, (void)out, (void)out_at, (void)len, (void)flags;
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t len) {
    (void)out, (void)in, (void)at, (void)len;
    errno = ENOSYS;
    return -1;
}

static int synced(int fd, int (*real)(int)) {
    char buffer[PATH_MAX];
    const char *path = path_of(fd, buffer);
    if (path && hit(SYNC)) return -1;
    /* What is written while this runs may not be on disk: the record stands at its beginning. */
    if (path) {
        pthread_mutex_lock(&lock);
        record('s', path, 0, 0, 0, 0);
        pthread_mutex_unlock(&lock);
    }
    return real(fd);
}

int fsync(int fd) { REAL(fsync); return synced(fd, real); }
int fdatasync(int fd) { REAL(fdatasync); return synced(fd, real); }

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int changes = flags & (O_CREAT | O_TRUNC), meant = is_meant(path);
    if (meant && hit(changes ? CREATE : READ)) return -1;
    if (!meant || !changes) return real(path, flags, mode);
    pthread_mutex_lock(&lock);
    int fd = real(path, flags, mode);
    if (fd >= 0) record('o', path + strlen(dir), 0, flags & O_TRUNC ? 1 : 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!is_meant(to)) return real(from, to);
    if (hit(NAME)) return -1;
    pthread_mutex_lock(&lock);
    int result = real(from, to);
    if (!result) record('r', from + strlen(dir), to + strlen(dir), 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) {
    REAL(unlink);
    if (!is_meant(path)) return real(path);
    pthread_mutex_lock(&lock);
    int result = real(path);
    if (!result) record('u', path + strlen(dir), 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (!is_meant(path)) return real(path, mode);
    if (hit(NAME)) return -1;
    pthread_mutex_lock(&lock);
    int result = real(path, mode);
    if (!result) record('m', path + strlen(dir), 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags) {
    REAL(accept4);
    return hit(ACCEPT) ? -1 : real(fd, address, len, flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    REAL(pthread_create);
    return hit(THREAD) ? EAGAIN : real(thread, attributes, run, argument);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    if (!result && rule && clock == CLOCK_REALTIME) time->tv_sec += rule->clock_s;
    return result;
}
