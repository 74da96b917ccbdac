package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.OutputStream;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResponseTest {
    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 199, 1000})
    void aStatusThatIsNoneIsRefused(int status) {
        assertThrows(IllegalArgumentException.class, () -> Response.of(status));
    }

    @Test
    void aBodyIsEmptyUntilItIsSet() throws Exception {
        assertEquals(0, Response.of(204).readBody().length);
    }

    @Test
    void textIsUtf8() throws Exception {
        assertEquals("gr\u00fc\u00dfe", new String(Response.of(200).body("gr\u00fc\u00dfe").readBody(), UTF_8));
    }

    @Test
    void theLastBodyCounts() throws Exception {
        Response response = Response.of(200).body("whole").body((OutputStream out) -> out.write('s'));
        assertEquals("s", new String(response.readBody(), UTF_8));
        assertEquals("whole", new String(response.body("whole").readBody(), UTF_8));
    }

    @Test
    void aSourceIsReadToItsEndAndClosed() throws Exception {
        AtomicBoolean closed = new AtomicBoolean();
        Response response = Response.of(200).body(new ByteArrayInputStream("streamed".getBytes(UTF_8)) {
            @Override
            public void close() {
                closed.set(true);
            }
        });
        assertEquals("streamed", new String(response.readBody(), UTF_8));
        assertTrue(closed.get());
    }

    @Test
    void aRepeatedNameIsARepeatedHeader() {
        Response response = Response.of(200).header("Set-Cookie", "a=1").header("set-cookie", "b=2");
        assertEquals("set-cookie: a=1\nset-cookie: b=2\n", response.headers().toString());
    }
}
