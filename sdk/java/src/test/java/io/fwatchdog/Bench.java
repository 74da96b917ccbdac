package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.TimeUnit;

/**
 * How many small requests a second one worker answers, with so many always in flight:
 * {@code java -cp target/classes:target/test-classes io.fwatchdog.Bench 32 10}.
 */
final class Bench {
    private static final byte[] BODY = "hello".getBytes(UTF_8);

    private final InputStream in;
    private final OutputStream out;
    private final byte[] buffer = new byte[1 << 17];
    private int filled;
    private int streams;
    private Encoder requests = new Encoder(4096);

    private Bench(Process worker) {
        in = worker.getInputStream();
        out = worker.getOutputStream();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            Worker.serve(request -> Response.of(200).header("Content-Type", "text/plain").body(request.body()));
        }
        int inFlight = Integer.parseInt(arguments[0]);
        int seconds = Integer.parseInt(arguments[1]);
        ProcessBuilder worker = new ProcessBuilder("sh", "-c", "exec \"$@\" 3>&1 1>&2", "sh",
                System.getProperty("java.home") + File.separator + "bin/java", "-cp", System.getProperty("java.class.path"), Bench.class.getName());
        worker.environment().put("FWATCHDOG_WORKER", "1");
        worker.environment().put("FWATCHDOG_OUT_FD", "3");
        Process process = worker.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        Bench bench = new Bench(process);
        bench.begin(inFlight);
        bench.run(seconds); // until the compiler is done
        System.out.println(bench.run(seconds) / seconds + " requests/s with " + inFlight + " in flight");
        process.destroyForcibly();
    }

    private void begin(int inFlight) throws IOException {
        Encoder hello = Messages.hello(1, 1, Headers.of("features", "window exclusive ping-busy"));
        out.write(hello.bytes, 0, hello.length);
        out.flush();
        while (count(Frame.READY) == 0) {
            // HELLO comes first.
        }
        for (int i = 0; i < inFlight; i++) {
            request();
        }
        send();
    }

    /** Sends a request for each response, all that came in one read in one write. Returns how many there were. */
    private long run(int seconds) throws IOException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        long answered = 0;
        while (System.nanoTime() < end) {
            int now = count(Frame.RESP);
            for (int i = 0; i < now; i++) {
                request();
            }
            send();
            answered += now;
        }
        return answered;
    }

    /** Reads once and counts the whole frames of a type. */
    private int count(int type) throws IOException {
        int n = in.read(buffer, filled, buffer.length - filled);
        if (n < 0) {
            throw new IOException("the worker has gone");
        }
        filled += n;
        int count = 0;
        int at = 0;
        while (filled - at >= Frame.HEADER_BYTES && filled - at >= Frame.HEADER_BYTES + Frame.getInt(buffer, at + 8)) {
            count += buffer[at + 2] == type ? 1 : 0;
            at += Frame.HEADER_BYTES + Frame.getInt(buffer, at + 8);
        }
        System.arraycopy(buffer, at, buffer, 0, filled - at);
        filled -= at;
        return count;
    }

    private void request() {
        Encoder frame = Host.request(++streams, 30000, "POST", "/", BODY, true,
                "host", "localhost:8080", "user-agent", "bench", "accept-encoding", "gzip", "content-type", "text/plain", "x-call-id", "0123456789ab");
        requests.raw(frame.bytes, 0, frame.length);
    }

    private void send() throws IOException {
        out.write(requests.bytes, Frame.HEADER_BYTES, requests.payloadLength());
        out.flush();
        requests = new Encoder(4096);
    }
}
