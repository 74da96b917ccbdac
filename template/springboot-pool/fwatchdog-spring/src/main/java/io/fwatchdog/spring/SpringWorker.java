package io.fwatchdog.spring;

import io.fwatchdog.Handler;
import io.fwatchdog.Options;
import io.fwatchdog.Worker;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringApplicationRunListener;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.Ordered;

/**
 * Ties a worker's life to that of its application: it greets the host before anything else, is ready when the application is,
 * fails when that has failed, and closes it in the end. Spring finds this class in {@code spring.factories}.
 */
public final class SpringWorker implements SpringApplicationRunListener, Ordered {
    /** A process is one worker. An application that runs inside another one is a part of it. */
    private static final AtomicBoolean OPENED = new AtomicBoolean();

    private final Options options = new Options();
    /** Null without a host, as in the application's tests. */
    private final Worker worker;

    /**
     * Called by Spring as the first thing in {@code run}: nothing has been printed and no bean been loaded.
     *
     * @param application what is about to run
     * @param arguments of its main method
     */
    public SpringWorker(SpringApplication application, String[] arguments) {
        boolean host = "1".equals(System.getenv("FWATCHDOG_WORKER"));
        worker = host && OPENED.compareAndSet(false, true) ? Worker.open(options) : null;
    }

    /** What the application itself does when it is ready comes first. */
    @Override
    public int getOrder() {
        return LOWEST_PRECEDENCE;
    }

    /** Serves on a thread of its own, which also keeps the process alive when {@code main} returns. */
    @Override
    public void ready(ConfigurableApplicationContext context, Duration timeTaken) {
        if (worker != null) {
            options.stop(context::close);
            Handler handler = find(context);
            new Thread(() -> worker.run(handler), "fwatchdog-main").start();
        }
    }

    @Override
    public void failed(ConfigurableApplicationContext context, Throwable raised) {
        if (worker != null) {
            fail(raised);
        }
    }

    private Handler find(ConfigurableApplicationContext context) {
        try {
            return Beans.handler(context.getBeanFactory());
        } catch (RuntimeException e) {
            fail(e);
            throw e;
        }
    }

    /** Says the root of the matter in the first line, and how it came about below. */
    private void fail(Throwable raised) {
        Throwable root = NestedExceptionUtils.getMostSpecificCause(raised);
        worker.fail(new IllegalStateException(root.getMessage() == null ? root.toString() : root.getMessage(), raised));
    }
}
