package example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fwatchdog.BadRequestException;
import io.fwatchdog.Headers;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import org.junit.jupiter.api.Test;

class TicksTest {
    private static Request question(String query) {
        return Request.of("GET", "/?" + query, Headers.of(), new byte[0]);
    }

    @Test
    void asManyEventsAreSentAsWereAskedFor() throws Exception {
        Response response = Ticks.handle(question("count=3&ms=1"));
        assertEquals("text/event-stream", response.headers().get("content-type"));
        String events = new String(response.readBody(), UTF_8);
        assertTrue(events.matches("id: 1\ndata: \\S+\n\nid: 2\ndata: \\S+\n\nid: 3\ndata: \\S+\n\n"), events);
    }

    @Test
    void whatIsNoNumberIsABadRequest() {
        assertThrows(BadRequestException.class, () -> Ticks.handle(question("count=many")));
    }
}
