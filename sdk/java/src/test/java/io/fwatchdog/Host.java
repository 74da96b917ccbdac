package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fwatchdog.conformance.Main;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Plays fwatchdog for one worker process over real pipes, and fails when the worker breaks the protocol. */
final class Host implements AutoCloseable {
    static final int WINDOW = 262144;
    private static final String CLASS_PATH = "target/classes:target/test-classes";
    private static final long PATIENCE_SECONDS = 20;
    private static final Received EOF = new Received(0, false, 0, new byte[0]);

    private final Process process;
    private final OutputStream stdin;
    private final LinkedBlockingQueue<Received> arrived = new LinkedBlockingQueue<>();
    /** What has arrived and nobody has asked for. */
    private final List<Received> passed = new ArrayList<>();
    private final Map<Integer, Integer> credit = new HashMap<>();
    private final Thread[] readers = new Thread[2];
    private volatile String violation;
    private int streams;
    private String pid;
    final ByteArrayOutputStream stderr = new ByteArrayOutputStream();
    /** What lay between the frames. */
    final ByteArrayOutputStream stray = new ByteArrayOutputStream();

    private Host(ProcessBuilder builder, int maxPayload) throws IOException {
        process = builder.start();
        stdin = process.getOutputStream();
        readers[0] = read(() -> readFrames(process.getInputStream(), maxPayload));
        readers[1] = read(() -> copy(process.getErrorStream(), stderr));
    }

    /** Starts the conformance function; the environment is names and values in turn. */
    static Host start(Pipe pipe, String... environment) throws IOException {
        return start(pipe, Main.class, environment);
    }

    static Host start(Pipe pipe, Class<?> main, String... environment) throws IOException {
        return startOn(CLASS_PATH, pipe, main, environment);
    }

    /** Starts a program that finds nothing but what is on this class path. */
    static Host startOn(String classPath, Pipe pipe, Class<?> main, String... environment) throws IOException {
        ProcessBuilder builder = command(classPath, main);
        builder.environment().put("FWATCHDOG_WORKER", "1");
        for (int i = 0; i < environment.length; i += 2) {
            builder.environment().put(environment[i], environment[i + 1]);
        }
        pipe.configure(builder);
        return new Host(builder, pipe.maxPayload);
    }

    /** Starts the conformance function as somebody would by hand. */
    static Host startBare() throws IOException {
        return new Host(command(CLASS_PATH, Main.class), Frame.SHARED_PAYLOAD);
    }

    private static ProcessBuilder command(String classPath, Class<?> main) {
        String java = System.getProperty("java.home") + "/bin/java";
        return new ProcessBuilder(new ArrayList<>(Arrays.asList(java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m",
                "-cp", classPath, main.getName())));
    }

    // What the host says.

    /** Says HELLO and waits for READY. Returns the worker's HELLO. */
    Headers greet() throws IOException {
        sayHello();
        Decoder hello = next("HELLO", f -> f.type == Frame.HELLO).decoder();
        assertEquals(1, hello.u16());
        assertEquals(1, hello.u16());
        Headers pairs = hello.pairs();
        pid = pairs.get("pid");
        next("READY", f -> f.type == Frame.READY);
        return pairs;
    }

    void sayHello() throws IOException {
        Headers pairs = Headers.of("max_frame", "65536", "window", Integer.toString(WINDOW), "features", "window exclusive ping-busy");
        send(Messages.hello(1, 1, pairs));
    }

    /** Sends a whole small request and returns its stream. */
    int call(String target) throws IOException {
        return request("POST", target, new byte[0], true);
    }

    /** Sends a request whose body follows. */
    int open(String target) throws IOException {
        return request("POST", target, new byte[0], false);
    }

    /** The number of the next stream, for a test that sends the request itself. */
    int nextStream() {
        return ++streams;
    }

    int request(String method, String target, byte[] body, boolean end, String... headers) throws IOException {
        int stream = nextStream();
        credit.put(stream, WINDOW);
        send(request(stream, 0, method, target, body, end, headers));
        return stream;
    }

    static Encoder request(int stream, int timeoutMillis, String method, String target, byte[] body, boolean end, String... headers) {
        Encoder meta = new Encoder(64).u32(timeoutMillis).str(method).str(target).pairs(Headers.of(headers));
        return new Encoder(64).u32(meta.payloadLength()).raw(meta.bytes, Frame.HEADER_BYTES, meta.payloadLength())
                .raw(body, 0, body.length).seal(Frame.REQ, end, stream, 0);
    }

    /** Sends a body as DATA, as far as the worker grants WINDOW. */
    void upload(int stream, byte[] body) throws IOException {
        int from = 0;
        do {
            int n = Math.min(Math.min(body.length - from, Frame.MAX_PAYLOAD), credit.get(stream));
            if (n > 0 || body.length == 0) {
                data(stream, Arrays.copyOfRange(body, from, from + n), from + n == body.length);
                credit.put(stream, credit.get(stream) - n);
                from += n;
            } else {
                long granted = next("WINDOW", f -> f.type == Frame.WINDOW && f.stream == stream).decoder().u32();
                assertTrue(granted >= WINDOW / 2, "granted only " + granted);
                credit.put(stream, (int) granted);
            }
        } while (from < body.length);
    }

    void data(int stream, byte[] piece, boolean end) throws IOException {
        send(new Encoder(piece.length).raw(piece, 0, piece.length).seal(Frame.DATA, end, stream, 0));
    }

    void window(int stream, int bytes) throws IOException {
        send(Messages.window(stream, bytes));
    }

    void cancel(int stream) throws IOException {
        send(new Encoder(1).u8(1).seal(Frame.CANCEL, false, stream, 0));
    }

    void goAway() throws IOException {
        send(new Encoder(4).raw("stop".getBytes(UTF_8), 0, 4).seal(Frame.GOAWAY, false, 0, 0));
    }

    void send(Encoder frame) throws IOException {
        stdin.write(frame.bytes, 0, frame.length);
        stdin.flush();
    }

    void sendRaw(byte[] bytes) throws IOException {
        stdin.write(bytes);
        stdin.flush();
    }

    void hangUp() throws IOException {
        stdin.close();
    }

    /** Closes our end of the worker's pipe, as a host does that dies. */
    void stopReading() throws IOException {
        process.getInputStream().close();
    }

    // What the worker says.

    /** The next frame that is wanted; others are kept for later. */
    Received next(String what, Predicate<Received> wanted) {
        for (Iterator<Received> kept = passed.iterator(); kept.hasNext(); ) {
            Received frame = kept.next();
            if (wanted.test(frame)) {
                kept.remove();
                return frame;
            }
        }
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (true) {
            Received frame = poll(end - System.nanoTime());
            assertNotNull(frame, () -> "no " + what + " came, but " + passed + "; stderr: " + stderr);
            if (frame == EOF) {
                throw new AssertionError("the worker ended before " + what + "; stderr: " + stderr + violation);
            }
            if (wanted.test(frame)) {
                return frame;
            }
            passed.add(frame);
        }
    }

    /** The next frame of a stream that is neither LOG nor WINDOW. */
    Received next(int stream) {
        return next("frame on stream " + stream, f -> f.stream == stream && f.type != Frame.LOG && f.type != Frame.WINDOW);
    }

    /** Takes a stream's whole answer, granting WINDOW for all of it. */
    Answer answer(int stream) throws IOException {
        Answer answer = new Answer();
        while (true) {
            Received frame = next(stream);
            answer.add(frame);
            if (frame.isTerminal()) {
                return answer;
            }
            if (frame.type == Frame.DATA) {
                window(stream, frame.payload.length);
            }
        }
    }

    /** Fails when a frame like that comes within the time. */
    void assertNothing(long millis, String what, Predicate<Received> unwanted) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        for (Received frame = poll(end - System.nanoTime()); frame != null; frame = poll(end - System.nanoTime())) {
            passed.add(frame);
        }
        for (Received frame : passed) {
            assertTrue(!unwanted.test(frame), () -> what + ": " + frame);
        }
    }

    /** Proves that the worker still serves. */
    void assertServes() throws IOException {
        assertEquals("200 still here", answer(request("POST", "/echo", "still here".getBytes(UTF_8), true)).text());
    }

    /** Waits for the process to end, and for all that it wrote. */
    int exitCode() {
        try {
            assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "the worker hangs");
            for (Thread reader : readers) {
                reader.join();
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return process.exitValue();
    }

    void kill(String signal) throws Exception {
        assertEquals(0, new ProcessBuilder("kill", "-" + signal, pid).start().waitFor());
    }

    @Override
    public void close() {
        process.destroyForcibly();
        exitCode();
        assertNull(violation);
    }

    private Received poll(long nanos) {
        try {
            return arrived.poll(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void readFrames(InputStream in, int maxPayload) throws IOException {
        byte[] header = new byte[Frame.HEADER_BYTES];
        for (int first = in.read(); first >= 0; first = in.read()) {
            if (first != Frame.MAGIC_0) {
                stray.write(first);
                continue;
            }
            readFully(in, header, 1);
            int length = Frame.getInt(header, 8);
            if ((header[1] & 0xFF) != Frame.MAGIC_1 || length < 0 || length > maxPayload) {
                violation = "a frame with the header " + Arrays.toString(header);
                break;
            }
            byte[] payload = new byte[length];
            readFully(in, payload, 0);
            arrived.add(new Received(header[2], header[3] == Frame.END, Frame.getInt(header, 4), payload));
        }
        arrived.add(EOF);
    }

    private static void readFully(InputStream in, byte[] to, int from) throws IOException {
        int at = from;
        while (at < to.length) {
            int n = in.read(to, at, to.length - at);
            if (n < 0) {
                throw new IOException("the worker ended within a frame");
            }
            at += n;
        }
    }

    private static void copy(InputStream in, ByteArrayOutputStream to) throws IOException {
        byte[] piece = new byte[8192];
        for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
            to.write(piece, 0, n);
        }
    }

    private interface Reading {
        void run() throws IOException;
    }

    private Thread read(Reading reading) {
        Thread thread = new Thread(() -> {
            try {
                reading.run();
            } catch (IOException e) {
                // A process that is killed ends anywhere; what was waited for will be missed.
                arrived.add(EOF);
            }
        });
        thread.start();
        return thread;
    }
}
