package io.fwatchdog.conformance;

import io.fwatchdog.Headers;
import io.fwatchdog.Level;
import io.fwatchdog.Options;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import io.fwatchdog.Worker;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** The conformance function: the routes of sdk/CONFORMANCE.md, against which every SDK is held. */
public final class Main {
    private Main() {
    }

    /** Starts the worker. */
    public static void main(String[] arguments) {
        Worker.serve(Main::handle, new Options().init(Main::init));
    }

    private static void init() {
        if (System.getenv("CONFORMANCE_NOISE") != null) {
            System.out.println("printed at import");
        }
        if (System.getenv("CONFORMANCE_INIT_ERROR") != null) {
            throw new IllegalStateException("no database");
        }
    }

    private static Response handle(Request request) throws Exception {
        switch (request.path()) {
            case "/echo":
                return echo(request);
            case "/stream-echo":
                return Response.of(200).body(request.stream());
            case "/size":
                return Response.of(200).body(Long.toString(size(request.stream(), 0)));
            case "/slow-size":
                return Response.of(200).body(Long.toString(size(request.stream(), number(request, "ms"))));
            case "/ignore":
                return Response.of(200).body("ignored");
            case "/bytes":
                return Response.of(200).body(bytes(0, number(request, "n")));
            case "/stream":
                return stream(number(request, "n"), number(request, "piece"));
            case "/events":
                return events(number(request, "n"), number(request, "ms"));
            case "/sleep":
                Thread.sleep(number(request, "ms"));
                return Response.of(200).body("slept");
            case "/wait":
                return waitUntilCancelled(request);
            case "/deadline":
                return deadline(request.deadline());
            case "/headers":
                return headers(request.headers());
            case "/cookies":
                return Response.of(200).header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").header("X-Empty", "");
            case "/status":
                return Response.of(number(request, "code"));
            case "/head":
                return Response.of(200).header("X-Big", repeat('a', number(request, "n")));
            default:
                return misbehave(request);
        }
    }

    private static Response misbehave(Request request) throws Exception {
        switch (request.path()) {
            case "/print":
                System.out.println("printed by the handler");
                return Response.of(200).body("printed");
            case "/print-subprocess":
                new ProcessBuilder("echo", "printed by a subprocess").redirectOutput(ProcessBuilder.Redirect.INHERIT).start().waitFor();
                return Response.of(200).body("printed");
            case "/print-raw":
                new FileOutputStream(FileDescriptor.out).write("printed raw\n".getBytes(StandardCharsets.UTF_8));
                return Response.of(200).body("printed");
            case "/throw":
                throw new IllegalStateException("boom");
            case "/throw-long":
                throw new IllegalStateException("boom\n" + repeat('é', number(request, "n")));
            case "/throw-late":
                return Response.of(200).body(out -> {
                    out.write("start".getBytes(StandardCharsets.UTF_8));
                    out.flush();
                    throw new IllegalStateException("boom");
                });
            case "/exit":
                System.exit(number(request, "code"));
                throw new AssertionError("exit returned");
            case "/log":
                for (Level level : Level.values()) {
                    request.log(level, request.query("text"));
                }
                return Response.of(200).body("logged");
            case "/log-long":
                request.log(Level.INFO, repeat('x', number(request, "n")));
                return Response.of(200).body("logged");
            default:
                return Response.of(404).body("no such route");
        }
    }

    private static Response echo(Request request) throws IOException {
        Response response = Response.of(200).header("X-Method", request.method()).header("X-Target", request.target());
        String type = request.header("Content-Type");
        if (type != null) {
            response.header("Content-Type", type);
        }
        return response.body(request.body());
    }

    private static long size(InputStream body, int pauseMillis) throws Exception {
        byte[] piece = new byte[8192];
        long size = 0;
        int read = 0;
        while (read >= 0) {
            size += read;
            Thread.sleep(pauseMillis);
            read = body.read(piece);
        }
        return size;
    }

    private static Response stream(int count, int piece) {
        return Response.of(200).body((OutputStream out) -> {
            for (int from = 0; from < count; from += piece) {
                out.write(bytes(from, Math.min(piece, count - from)));
                out.flush();
            }
        });
    }

    private static Response events(int count, int pauseMillis) {
        return Response.of(200).body((OutputStream out) -> {
            for (int i = 0; i < count; i++) {
                Thread.sleep(i == 0 ? 0 : pauseMillis);
                out.write(("event " + i + "\n").getBytes(StandardCharsets.UTF_8));
                out.flush();
            }
        });
    }

    private static Response waitUntilCancelled(Request request) {
        while (!request.cancelled()) {
            LockSupport.park(request);
        }
        request.log(Level.INFO, "cancelled");
        return Response.of(200).body("cancelled");
    }

    private static Response deadline(Optional<Duration> left) {
        return Response.of(200).body(left.isPresent() ? Long.toString(left.get().toMillis()) : "none");
    }

    private static Response headers(Headers headers) {
        StringBuilder lines = new StringBuilder();
        for (Map.Entry<String, String> header : headers) {
            lines.append(header.getKey()).append(": ").append(header.getValue()).append('\n');
        }
        // Headers are bytes, and so is the answer.
        return Response.of(200).body(lines.toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Byte i of the whole body is i mod 251. */
    private static byte[] bytes(int from, int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) ((from + i) % 251);
        }
        return bytes;
    }

    private static String repeat(char c, int count) {
        StringBuilder text = new StringBuilder(count);
        for (int i = 0; i < count; i++) {
            text.append(c);
        }
        return text.toString();
    }

    private static int number(Request request, String name) {
        return Integer.parseInt(request.query(name));
    }
}
