package io.fwatchdog;

import java.io.File;
import java.io.IOException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * A function process that lives under fwatchdog. The {@code main} of a program is one line:
 *
 * <pre>{@code
 * Worker.serve(request -> Response.of(200).body("hello"));
 * }</pre>
 */
public final class Worker {
    private static final String SDK = "java/0.1.0";
    private static final int VIRTUAL_CONCURRENCY = 256;
    private static final int CONCURRENCY_PER_CPU = 32;
    /** Requests that come so soon one after the other need no thread but the one that reads them. */
    private static final long SOON_NANOS = TimeUnit.MICROSECONDS.toNanos(250);

    private final Options options;
    private final Stdio stdio;
    private final int concurrency;
    private final Output output;
    private final Streams streams;

    private Worker(Options options, Stdio stdio, int concurrency) {
        this.options = options;
        this.stdio = stdio;
        this.concurrency = concurrency;
        this.output = new Output(stdio.out, stdio.shared);
        this.streams = new Streams(output, concurrency);
    }

    /**
     * Serves requests until the host closes the pipe, and ends the process then.
     *
     * @param handler answers the requests
     */
    public static void serve(Handler handler) {
        serve(handler, new Options());
    }

    /**
     * Serves requests until the host closes the pipe, and ends the process then.
     *
     * @param handler answers the requests
     * @param options how the worker starts and stops, and how many requests it takes at once
     */
    public static void serve(Handler handler, Options options) {
        open(options).run(handler);
    }

    /**
     * Greets the host, before the code that makes the handler is loaded. From this call on {@code System.in} is empty, and on
     * a shared fd 1 {@code System.out} is stderr: both pipes belong to the protocol. {@link #run} or {@link #fail} must follow.
     *
     * @param options how the worker starts and stops, and how many requests it takes at once
     * @return the worker
     */
    public static Worker open(Options options) {
        if (!"1".equals(System.getenv("FWATCHDOG_WORKER"))) {
            Exit.now(Exit.USAGE, "this program is a worker: start it with fwatchdog");
        }
        Stdio stdio = Stdio.take(System.getenv("FWATCHDOG_OUT_FD"));
        Signals.ignoreEnds();
        ThreadFactory virtual = Threads.virtual();
        Worker worker = new Worker(options, stdio, concurrency(options, virtual != null));
        worker.start(virtual);
        return worker;
    }

    /**
     * Serves requests until the host closes the pipe, and ends the process then.
     *
     * @param handler answers the requests
     */
    public void run(Handler handler) {
        try {
            options.init.run();
        } catch (Throwable raised) {
            fail(raised);
        }
        streams.accept(handler);
        streams.awaitEnd();
        stop();
    }

    /**
     * Tells the host that there will be no handler, and ends the process.
     *
     * @param raised why
     */
    public void fail(Throwable raised) {
        output.append(Messages.error(0, Messages.INIT_FAILED, Raised.describe(raised), stdio.maxPayload()));
        output.drain();
        Exit.now(Exit.LOAD_FAILED, "init failed", raised);
    }

    /** How many requests are taken at once: the operator decides, else the program, else what the threads bear. */
    private static int concurrency(Options options, boolean virtual) {
        String wanted = System.getenv("FWATCHDOG_CONCURRENCY");
        if (wanted != null) {
            try {
                return new Options().concurrency(Integer.parseInt(wanted)).concurrency;
            } catch (IllegalArgumentException e) {
                Exit.now(Exit.USAGE, "FWATCHDOG_CONCURRENCY is no number above 0: " + wanted);
            }
        }
        if (options.concurrency > 0) {
            return options.concurrency;
        }
        return virtual ? VIRTUAL_CONCURRENCY : CONCURRENCY_PER_CPU * Runtime.getRuntime().availableProcessors();
    }

    /** Greets the host and begins to read its frames. {@code virtual} is null where there are no virtual threads. */
    private void start(ThreadFactory virtual) {
        boolean platform = virtual == null || concurrency == 1;
        Crew crew = new Crew(concurrency, platform ? Threads.platform() : virtual, platform, output);
        sayHello(Stacks.offer(streams));
        // A function that takes one request at a time has one thread for all, and virtual ones are what others count on.
        long soonNanos = platform && concurrency > 1 ? SOON_NANOS : 0;
        new Thread(new HostReader(stdio.in, streams, crew, stdio.maxPayload(), soonNanos), HostReader.NAME).start();
    }

    private void sayHello(String stacks) {
        String features = "window ping-busy" + (stdio.shared ? "" : " exclusive");
        output.append(Messages.hello(Frame.VERSION, Frame.VERSION, Headers.of(
                "sdk", SDK,
                "runtime", "java " + System.getProperty("java.version"),
                "pid", pid(),
                "stacks", stacks,
                "concurrency", Integer.toString(concurrency),
                "features", features)));
        output.flush();
    }

    private void stop() {
        output.drain();
        try {
            options.stop.run();
        } catch (Throwable raised) {
            System.err.println("fwatchdog: stop failed: " + Raised.describe(raised));
        }
        System.exit(0);
    }

    static String pid() {
        try {
            return new File("/proc/self").getCanonicalFile().getName();
        } catch (IOException e) {
            return "0";
        }
    }
}
