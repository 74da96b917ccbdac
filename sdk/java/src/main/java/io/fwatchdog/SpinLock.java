package io.fwatchdog;

import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock for short sections that virtual threads enter. One that waits for a lock of the JDK's gives its carrier up, and a
 * handler that computes may take it: whatever the waiting thread holds or has promised, such as to write for all others,
 * then waits for that handler. So here nobody parks to get in.
 */
final class SpinLock extends ReentrantLock {
    private static final long serialVersionUID = 1;
    private static final boolean NEEDED = Threads.virtual() != null;

    /** A lock that suits the threads of this JVM. */
    static ReentrantLock create() {
        return NEEDED ? new SpinLock() : new ReentrantLock();
    }

    @Override
    public void lock() {
        while (!tryLock()) {
            // Thread.onSpinWait is not in Java 8
        }
    }
}
