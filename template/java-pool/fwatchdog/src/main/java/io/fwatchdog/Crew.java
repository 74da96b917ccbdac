package io.fwatchdog;

import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The threads that run streams: as many as there are streams at once, each started when it is first needed.
 *
 * <p>To wake a thread costs more than a small request does. So at most one is on its way at any time: who is woken takes
 * a stream and wakes the next one if streams are still waiting. Threads that find work meanwhile are not woken at all, and
 * blocking handlers still start one after the other without delay. The same goes for writing: a thread that goes on with
 * another stream leaves its response to the thread on its way, whose first act is to write out all that has gathered.
 *
 * <p>Measured with 32 tiny requests in flight on two CPUs, in microseconds of CPU time for each: this 2.3, a
 * ForkJoinPool 5.3, a ThreadPoolExecutor with a LinkedBlockingQueue 4.4 to 6, with a LinkedTransferQueue 19.6.
 */
final class Crew {
    private final int size;
    private final ThreadFactory threads;
    /** Virtual threads share carriers that no clock takes away, so one on its way may be long on its way. */
    private final boolean preemptive;
    private final Output output;

    private final ReentrantLock lock = SpinLock.create();
    // lock guards the rest.
    private final ArrayDeque<Stream> waiting = new ArrayDeque<>();
    /** A stack: the one that worked last has the warmest caches. */
    private final ArrayDeque<Member> idle = new ArrayDeque<>();
    /** How many members there are. */
    private int members;
    /** A member has been called and has not come yet. */
    private boolean coming;

    Crew(int size, ThreadFactory threads, boolean preemptive, Output output) {
        this.size = size;
        this.threads = threads;
        this.preemptive = preemptive;
        this.output = output;
    }

    /** Runs these streams. Never waits. */
    void start(List<Stream> streams) {
        if (streams.isEmpty()) {
            return;
        }
        Member called;
        lock.lock();
        try {
            waiting.addAll(streams);
            called = call();
        } finally {
            lock.unlock();
        }
        wake(called);
    }

    /** Picks a member to be woken, null when none is needed or free. The lock is held. */
    private Member call() {
        if (coming || waiting.isEmpty()) {
            return null;
        }
        Member member = idle.poll();
        if (member == null && members < size) {
            member = new Member();
            members++;
        }
        coming = member != null;
        return member;
    }

    private static void wake(Member member) {
        if (member != null) {
            member.come();
        }
    }

    /** One thread of the crew. It ends with the process. */
    private final class Member implements Runnable {
        private final Thread thread = threads.newThread(this);
        private boolean started;
        private volatile boolean called;

        /** Whoever has called this member does it, once. */
        void come() {
            called = true;
            if (started) {
                LockSupport.unpark(thread);
            } else {
                started = true;
                thread.start();
            }
        }

        @Override
        public void run() {
            try {
                while (true) {
                    Stream stream = next();
                    if (stream == null) {
                        rest();
                    } else {
                        stream.run();
                    }
                }
            } catch (Throwable e) {
                // A crew that is short of a member would leave requests waiting for ever.
                Exit.now(Exit.BROKEN, "a thread for handlers ended", e);
            }
        }

        /** The stream to run next; null when there is none and this member is among the idle. */
        private Stream next() {
            Stream stream;
            Member next;
            boolean flush;
            lock.lock();
            try {
                boolean came = called;
                if (came) {
                    called = false;
                    coming = false;
                }
                stream = waiting.poll();
                if (stream == null) {
                    idle.push(this);
                }
                next = call();
                flush = came || !coming || !preemptive || stream == null;
            } finally {
                lock.unlock();
            }
            wake(next);
            if (flush) {
                output.flush();
            }
            return stream;
        }

        private void rest() {
            while (!called) {
                LockSupport.park(this);
            }
        }
    }
}
