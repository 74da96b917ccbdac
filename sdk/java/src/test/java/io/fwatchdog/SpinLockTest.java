package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;

class SpinLockTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @Test
    void whoWaitsForItRunsOn() {
        assertTimeoutPreemptively(PATIENCE, () -> {
            ReentrantLock lock = new SpinLock();
            Thread waiting = new Thread(() -> {
                lock.lock();
                lock.unlock();
            });
            lock.lock();
            waiting.start();
            // One that has parked has no more of it.
            while (ManagementFactory.getThreadMXBean().getThreadCpuTime(waiting.getId()) < TimeUnit.MILLISECONDS.toNanos(100)) {
                Thread.yield();
            }
            lock.unlock();
            waiting.join();
        });
    }

    @Test
    void aVirtualThreadThatWaitsForItLosesItsCarrierToNobodyWhoComputes() {
        ThreadFactory threads = Threads.virtual();
        assumeTrue(threads != null, "this JVM has no virtual threads");
        AtomicBoolean enough = new AtomicBoolean();
        try {
            assertTimeoutPreemptively(PATIENCE, () -> {
                ReentrantLock lock = SpinLock.create();
                CountDownLatch started = new CountDownLatch(1);
                CountDownLatch entered = new CountDownLatch(1);
                // All carriers but the one of the thread that waits, which would take the last of these.
                int carriers = Runtime.getRuntime().availableProcessors();
                CountDownLatch computing = new CountDownLatch(Math.max(carriers - 1, 0));
                lock.lock();
                threads.newThread(() -> {
                    started.countDown();
                    lock.lock();
                    entered.countDown();
                    lock.unlock();
                }).start();
                started.await();
                for (int i = 0; i < carriers; i++) {
                    threads.newThread(() -> {
                        computing.countDown();
                        while (!enough.get()) {
                            // as a handler does that computes
                        }
                    }).start();
                }
                computing.await();
                lock.unlock();
                entered.await();
            });
        } finally {
            enough.set(true);
        }
    }
}
