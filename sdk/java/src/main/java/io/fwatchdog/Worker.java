package io.fwatchdog;

import java.io.File;
import java.io.IOException;
import java.util.concurrent.ThreadFactory;

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

    private final Stdio stdio;
    private final int concurrency;
    private final Output output;
    private final Streams streams;

    private Worker(Stdio stdio, int concurrency) {
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
     * Serves requests until the host closes the pipe, and ends the process then. From this call on {@code System.in} is
     * empty, and on a shared fd 1 {@code System.out} is stderr: both pipes belong to the protocol.
     *
     * @param handler answers the requests
     * @param options how the worker starts and stops, and how many requests it takes at once
     */
    public static void serve(Handler handler, Options options) {
        if (!"1".equals(System.getenv("FWATCHDOG_WORKER"))) {
            Exit.now(Exit.USAGE, "this program is a worker: start it with fwatchdog");
        }
        Stdio stdio = Stdio.take(System.getenv("FWATCHDOG_OUT_FD"));
        Signals.ignore("TERM", "INT");
        ThreadFactory virtual = Threads.virtual();
        Worker worker = new Worker(stdio, concurrency(options, virtual != null));
        worker.sayHello();
        worker.read(handler, virtual);
        worker.load(options);
        worker.streams.accept();
        worker.streams.awaitEnd();
        worker.stop(options);
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

    private void sayHello() {
        String features = "window ping-busy" + (stdio.shared ? "" : " exclusive");
        output.append(Messages.hello(Frame.VERSION, Frame.VERSION, Headers.of(
                "sdk", SDK,
                "runtime", "java " + System.getProperty("java.version"),
                "pid", pid(),
                "concurrency", Integer.toString(concurrency),
                "features", features)));
        output.flush();
    }

    /** Starts to read the host's frames. {@code virtual} is null where there are no virtual threads. */
    private void read(Handler handler, ThreadFactory virtual) {
        boolean platform = virtual == null || concurrency == 1;
        Crew crew = new Crew(concurrency, platform ? Threads.platform() : virtual, platform, output);
        HostReader reader = new HostReader(stdio.in, streams, crew, handler, stdio.maxPayload());
        new Thread(reader, "fwatchdog-reader").start();
    }

    private void load(Options options) {
        try {
            options.init.run();
        } catch (Throwable raised) {
            output.append(Messages.error(0, Messages.INIT_FAILED, Raised.describe(raised), stdio.maxPayload()));
            output.drain();
            Exit.now(Exit.LOAD_FAILED, "init failed", raised);
        }
    }

    private void stop(Options options) {
        output.drain();
        try {
            options.stop.run();
        } catch (Throwable raised) {
            System.err.println("fwatchdog: stop failed: " + Raised.describe(raised));
        }
        System.exit(0);
    }

    private static String pid() {
        try {
            return new File("/proc/self").getCanonicalFile().getName();
        } catch (IOException e) {
            return "0";
        }
    }
}
