package io.fwatchdog;

import java.util.concurrent.TimeUnit;

/** {@link Misbehaving} behind a reader that takes requests of the same hour for such that come soon after each other. */
final class Unhurried {
    private static final int CONCURRENCY = 64;

    private Unhurried() {
    }

    public static void main(String[] arguments) {
        Stdio stdio = Stdio.take(System.getenv("FWATCHDOG_OUT_FD"));
        Output output = new Output(stdio.out, stdio.shared);
        Streams streams = new Streams(output, CONCURRENCY);
        Crew crew = new Crew(CONCURRENCY, Threads.platform(), true, output);
        Stacks.offer(streams);
        output.append(Messages.hello(Frame.VERSION, Frame.VERSION, Headers.of("pid", Worker.pid())));
        output.flush();
        long soonNanos = TimeUnit.HOURS.toNanos(1);
        new Thread(new HostReader(stdio.in, streams, crew, stdio.maxPayload(), soonNanos), HostReader.NAME).start();
        streams.accept(Misbehaving::handle);
        streams.awaitEnd();
        output.drain();
        System.exit(0);
    }
}
