package io.fwatchdog;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Tells which requests the thread that reads from the host answers itself. To wake another thread takes longer than many a
 * handler. So requests that come one after the other, each soon after the one before, need none. Should a handler take long
 * after all, a clock notices, and its thread reads on: nobody waits behind that handler for longer than two looks.
 */
final class Alone implements Runnable {
    /** So many requests must have come alone before the reader answers one. */
    private static final int IN_A_ROW = 100;
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    /** What the reader does, until it is relieved. */
    private final Runnable read;
    /** How long after the one before, answer included, a request must come. */
    private final long soonNanos;

    // The reader's.
    private int streak;
    private long last;

    // This object's monitor guards the rest: the threads are the platform's.
    /** The reader runs a handler. */
    private boolean answering;
    /** How many it has run, and how many it had at the last look. */
    private long begun;
    private long seen;
    private Thread clock;
    /** The clock looks no more until it is woken. */
    private boolean resting;

    Alone(Runnable read, long soonNanos) {
        this.read = read;
        this.soonNanos = soonNanos;
    }

    /** Notes a request that came alone, and whether the reader is to answer it. */
    boolean next(long arrived) {
        boolean soon = arrived - last < soonNanos;
        last = arrived;
        streak = soon ? streak + 1 : 0;
        return streak > IN_A_ROW;
    }

    /** Notes that a request did not come alone. */
    void notAlone() {
        streak = 0;
    }

    /** Notes that the reader runs a handler, and sees to it that somebody looks whether it comes back. */
    synchronized void begin() {
        answering = true;
        begun++;
        if (clock == null) {
            clock = new Thread(this, "fwatchdog-clock");
            clock.start();
        } else if (resting) {
            resting = false;
            LockSupport.unpark(clock);
        }
    }

    /** Notes that the handler is done. False when its thread is the reader no longer. */
    synchronized boolean end() {
        boolean reading = answering;
        answering = false;
        return reading;
    }

    /** The clock: it ends as the reader. */
    @Override
    public void run() {
        while (!late()) {
            rest();
        }
        Thread.currentThread().setName(HostReader.NAME);
        read.run();
    }

    /** Whether the reader has been in the same handler since the last look: then it is the reader no longer. */
    private synchronized boolean late() {
        boolean same = begun == seen;
        boolean late = same && answering;
        seen = begun;
        resting = same && !late;
        if (late) {
            answering = false;
            clock = null;
        }
        return late;
    }

    private void rest() {
        if (isResting()) {
            LockSupport.park(this);
        } else {
            LockSupport.parkNanos(this, LOOK_NANOS);
        }
    }

    private synchronized boolean isResting() {
        return resting;
    }
}
