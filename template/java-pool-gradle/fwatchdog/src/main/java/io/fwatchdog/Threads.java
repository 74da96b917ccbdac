package io.fwatchdog;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/** What runs the handlers: virtual threads where the JVM has them, else threads of the platform. */
final class Threads implements ThreadFactory {
    private static final String NAME = "fwatchdog-handler-";

    private final AtomicInteger made = new AtomicInteger();

    private Threads() {
    }

    static ThreadFactory platform() {
        return new Threads();
    }

    /** Virtual threads; null where the JVM has none (before 21, or as a preview). */
    static ThreadFactory virtual() {
        try {
            Class<?> builder = Class.forName("java.lang.Thread$Builder");
            Object named = builder.getMethod("name", String.class, long.class)
                    .invoke(Thread.class.getMethod("ofVirtual").invoke(null), NAME, 1L);
            return (ThreadFactory) builder.getMethod("factory").invoke(named);
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    @Override
    public Thread newThread(Runnable task) {
        return new Thread(task, NAME + made.incrementAndGet());
    }
}
