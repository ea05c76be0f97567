// What a lock guards, said so that clang checks it (-Wthread-safety, an error in every build with clang).
// Other compilers see nothing. The names are clang's own:
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(__clang__)
#define TEMPLAR_THREAD_ANNOTATION(attribute) __attribute__((attribute))
#else
#define TEMPLAR_THREAD_ANNOTATION(attribute)
#endif

// On a class: a lock, and an object that holds one for as long as it lives.
#define CAPABILITY(name) TEMPLAR_THREAD_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY TEMPLAR_THREAD_ANNOTATION(scoped_lockable)

// On a member or a variable: it, or what it points to, is read and written only while the lock is held.
#define GUARDED_BY(lock) TEMPLAR_THREAD_ANNOTATION(guarded_by(lock))
#define PT_GUARDED_BY(lock) TEMPLAR_THREAD_ANNOTATION(pt_guarded_by(lock))

// On a function or a lambda: its caller holds the lock, or must not hold it.
#define REQUIRES(...) TEMPLAR_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) TEMPLAR_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

// On a function: it takes the lock and returns with it, or gives it back. Without an argument the lock is the
// object's own.
#define ACQUIRE(...) TEMPLAR_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) TEMPLAR_THREAD_ANNOTATION(release_capability(__VA_ARGS__))

// On a function that clang cannot follow; a comment beside it says why it is right.
#define NO_THREAD_SAFETY_ANALYSIS TEMPLAR_THREAD_ANNOTATION(no_thread_safety_analysis)
