/* What stands between SQLite and its disk in a crash test: loaded before libc (LD_PRELOAD), it
 * knows every write, truncation and sync of a database's files by a name, and at one of them kills
 * the process, in the middle of the write; or takes the power away: then each write that was not
 * synced is on the disk or not, by chance. Or it lets them fail.
 *
 *   CRASH_DISK=kill:NAME:N       SIGKILL at the N-th passage of NAME
 *   CRASH_DISK=power:NAME:N      the same, and what was not synced is lost or kept, by chance
 *   CRASH_DISK=fail:NAME:ERRNO   that call fails with ERRNO for as long as the file CRASH_WHILE is there
 *   CRASH_LIES=1                 with `power`: a sync answers that it is done, and is not
 *   CRASH_LOCK=FILE              with `power`: locked (flock) while the power is taken away; whoever
 *                                kills the process takes the lock first, because no power fails
 *                                in the middle of its own failing
 *   CRASH_SEED=S                 chance
 *
 * Names: FILE-write, FILE-sync, FILE-truncate; FILE is db, wal, journal, temp, or copy for a backup
 * that has not its name yet. They begin with `vacuum-` from when somebody removes (or tries to) a
 * file whose name ends in `.vacuum-begins`, until the same with `.vacuum-ends`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum mode { NOTHING, KILL, POWER, FAIL };

/* A write or truncation that no sync has followed. `old` and `new` are the bytes of [at, at+len)
 * before and after it, as far as the file reached. */
struct unsynced {
    struct unsynced *before;
    char path[512];
    off_t at, old_size, new_size;
    size_t old_len, new_len;
    char *old, *new;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum mode mode;
static char name[64];
static long left;
static int failure, lies, in_vacuum, is_read, is_dying;
static unsigned long long chance;
static struct unsynced *last;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_unlink)(const char *);

static void read_plan(void)
{
    if (is_read)
        return;
    is_read = 1;
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *seed = getenv("CRASH_SEED"), *plan = getenv("CRASH_DISK");
    chance = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 1;
    lies = getenv("CRASH_LIES") != NULL;
    char what[16], number[16];
    if (!plan || sscanf(plan, "%15[^:]:%63[^:]:%15s", what, name, number) != 3)
        return;
    if (!strcmp(what, "kill"))
        mode = KILL;
    else if (!strcmp(what, "power"))
        mode = POWER;
    else if (!strcmp(what, "fail"))
        mode = FAIL;
    left = strtol(number, NULL, 10);
    if (mode == FAIL)
        failure = !strcmp(number, "ENOSPC") ? ENOSPC : EIO;
}

static int toss(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (chance >> 32) & 1;
}

static int ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* Which of a database's files it is; NULL for what is none. */
static const char *file_of(int fd, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, size - 1);
    if (n < 0)
        return NULL;
    path[n] = 0;
    if (strstr(path, "etilqs_"))
        return "temp";
    if (ends(path, "-wal"))
        return "wal";
    if (ends(path, "-journal"))
        return "journal";
    if (ends(path, ".partial"))
        return "copy";
    return ends(path, ".db") ? "db" : NULL;
}

static int is_planned(const char *file, const char *call)
{
    char here[64];
    snprintf(here, sizeof here, "%s%s-%s", in_vacuum ? "vacuum-" : "", file, call);
    return mode != NOTHING && !strcmp(here, name);
}

static int is_due(const char *file, const char *call)
{
    return mode != FAIL && is_planned(file, call) && --left == 0;
}

static int fails(const char *file, const char *call)
{
    const char *as_long_as = getenv("CRASH_WHILE");
    return mode == FAIL && is_planned(file, call) && as_long_as && access(as_long_as, F_OK) == 0;
}

static void put(int fd, const char *bytes, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = real_pwrite(fd, bytes, len, at);
        if (n <= 0)
            _exit(99);
        bytes += n, at += n, len -= (size_t)n;
    }
}

/* Everything that was not synced is taken back, and then some of it done again. */
static void lose_power(void)
{
    const char *file = getenv("CRASH_LOCK");
    int held = file ? open(file, O_RDWR | O_CREAT, 0600) : -1;
    if (held < 0 || flock(held, LOCK_EX))
        _exit(99);
    struct unsynced *first = NULL;
    for (struct unsynced *u = last; u; u = u->before) {
        int fd = open(u->path, O_RDWR);
        if (fd < 0)
            continue;
        put(fd, u->old, u->old_len, u->at);
        if (real_ftruncate(fd, u->old_size))
            _exit(99);
    }
    while (last) {
        struct unsynced *u = last;
        last = u->before;
        u->before = first;
        first = u;
    }
    for (struct unsynced *u = first; u; u = u->before) {
        int fd = toss() ? open(u->path, O_RDWR) : -1;
        if (fd < 0)
            continue;
        put(fd, u->new, u->new_len, u->at);
        if (u->new_size < u->old_size && real_ftruncate(fd, u->new_size))
            _exit(99);
    }
}

static void die(void)
{
    is_dying = 1;
    if (mode == POWER)
        lose_power();
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void remember(int fd, const char *path, off_t at, const void *new, size_t new_len, off_t shorter)
{
    struct stat file;
    if (mode != POWER || strstr(path, "etilqs_") || fstat(fd, &file))
        return;
    struct unsynced *u = calloc(1, sizeof *u);
    snprintf(u->path, sizeof u->path, "%s", path);
    u->at = at;
    u->old_size = file.st_size;
    u->new_size = shorter >= 0 ? shorter : file.st_size;
    u->old_len = shorter >= 0 ? (file.st_size > shorter ? (size_t)(file.st_size - shorter) : 0) : new_len;
    u->old = malloc(u->old_len + 1);
    ssize_t n = pread(fd, u->old, u->old_len, at);
    u->old_len = n > 0 ? (size_t)n : 0;
    u->new = malloc(new_len + 1);
    if (new_len)
        memcpy(u->new, new, new_len);
    u->new_len = new_len;
    u->before = last;
    last = u;
}

static void forget(const char *path)
{
    for (struct unsynced **at = &last; *at;) {
        struct unsynced *u = *at;
        if (strcmp(u->path, path)) {
            at = &u->before;
            continue;
        }
        *at = u->before;
        free(u->old);
        free(u->new);
        free(u);
    }
}

static ssize_t write_at(int fd, const void *bytes, size_t len, off_t at)
{
    char path[512];
    read_plan();
    const char *file = mode == NOTHING ? NULL : file_of(fd, path, sizeof path);
    /* Without power nobody says what the other threads see of it. */
    while (is_dying && !file)
        pause();
    if (!file)
        return at < 0 ? real_write(fd, bytes, len) : real_pwrite(fd, bytes, len, at);
    pthread_mutex_lock(&lock);
    off_t from = at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
    if (fails(file, "write")) {
        pthread_mutex_unlock(&lock);
        errno = failure;
        return -1;
    }
    if (is_due(file, "write")) {
        /* A write that is cut off. */
        size_t half = toss() ? len / 2 : 0;
        remember(fd, path, from, bytes, half, -1);
        put(fd, bytes, half, from);
        die();
    }
    remember(fd, path, from, bytes, len, -1);
    ssize_t n = at < 0 ? real_write(fd, bytes, len) : real_pwrite(fd, bytes, len, at);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *bytes, size_t len) { return write_at(fd, bytes, len, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return write_at(fd, bytes, len, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) { return write_at(fd, bytes, len, at); }

static int sync_by(int fd, int (*real)(int))
{
    char path[512];
    const char *file = mode == NOTHING ? NULL : file_of(fd, path, sizeof path);
    if (!file)
        return real(fd);
    pthread_mutex_lock(&lock);
    if (fails(file, "sync")) {
        pthread_mutex_unlock(&lock);
        errno = failure;
        return -1;
    }
    if (is_due(file, "sync"))
        die();
    if (!lies)
        forget(path);
    /* It is not the power of this machine that fails. */
    int result = mode == FAIL ? real(fd) : 0;
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { read_plan(); return sync_by(fd, real_fsync); }
int fdatasync(int fd) { read_plan(); return sync_by(fd, real_fdatasync); }

int ftruncate(int fd, off_t size)
{
    char path[512];
    read_plan();
    const char *file = mode == NOTHING ? NULL : file_of(fd, path, sizeof path);
    if (!file)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    if (fails(file, "truncate")) {
        pthread_mutex_unlock(&lock);
        errno = failure;
        return -1;
    }
    if (is_due(file, "truncate"))
        die();
    remember(fd, path, size, NULL, 0, size);
    int result = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int unlink(const char *path)
{
    read_plan();
    if (ends(path, ".vacuum-begins"))
        in_vacuum = 1;
    if (ends(path, ".vacuum-ends"))
        in_vacuum = 0;
    return real_unlink(path);
}
