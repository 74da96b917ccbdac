package example;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.fwatchdog.BadRequestException;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import io.fwatchdog.Worker;
import java.time.Instant;

/** Streams server-sent events: {@code ?count=5&ms=1000}. */
public final class Ticks {
    private Ticks() {
    }

    public static void main(String[] args) {
        Worker.serve(Ticks::handle);
    }

    static Response handle(Request request) {
        int count = number(request, "count", 5);
        int millis = number(request, "ms", 1000);
        return Response.of(200)
                .header("Content-Type", "text/event-stream")
                .header("Cache-Control", "no-store")
                .body(out -> {
                    for (int id = 1; id <= count; id++) {
                        out.write(("id: " + id + "\ndata: " + Instant.now() + "\n\n").getBytes(UTF_8));
                        out.flush(); // else the events would leave together
                        Thread.sleep(id < count ? millis : 0); // ends with an exception when the client has gone
                    }
                });
    }

    private static int number(Request request, String name, int otherwise) {
        String text = request.query(name);
        try {
            return text == null ? otherwise : Integer.parseUnsignedInt(text);
        } catch (NumberFormatException e) {
            throw new BadRequestException(name + " is a number", e);
        }
    }
}
