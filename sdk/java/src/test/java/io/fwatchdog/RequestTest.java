package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RequestTest {
    private static Request request(String target) {
        return Request.of("POST", target, Headers.of("X-Call-Id", "7"), "gr\u00fc\u00dfe".getBytes(UTF_8));
    }

    @Test
    void theTargetIsCutAtItsFirstMarkAndNotDecoded() {
        Request request = request("/a%2Fb?c=%20?d");
        assertEquals("/a%2Fb?c=%20?d", request.target());
        assertEquals("/a%2Fb", request.path());
        assertEquals("c=%20?d", request.query());
        assertEquals("", request("/a").query());
    }

    @Test
    void aParameterIsDecodedAndTheFirstOfItsNameCounts() {
        Request request = request("/?a=%C3%BC+1&a=2&b&%63=");
        assertEquals("\u00fc 1", request.query("a"));
        assertEquals("", request.query("b"));
        assertEquals("", request.query("c"));
        assertNull(request.query("d"));
        assertNull(request("/").query("a"));
    }

    @Test
    void aParameterThatIsNotWellEncodedIsABadRequest() {
        assertThrows(BadRequestException.class, () -> request("/?a=%zz").query("a"));
    }

    @Test
    void theCallIdIsAHeader() {
        assertEquals("7", request("/").callId());
    }

    @Test
    void theBodyIsReadOnceAndKept() throws IOException {
        Request request = request("/");
        assertEquals("gr\u00fc\u00dfe", request.text());
        assertSame(request.body(), request.body());
    }

    @Test
    void theStreamIsTheBody() throws IOException {
        Request request = request("/");
        byte[] piece = new byte[3];
        assertEquals(0, request.stream().read(piece, 0, 0));
        assertEquals('g', request.stream().read());
        assertEquals(3, request.stream().read(piece));
        assertArrayEquals("r\u00fc".getBytes(UTF_8), piece);
        assertEquals("\u00dfe", request.text());
        assertEquals(-1, request.stream().read());
    }

    @Test
    void aRequestOfATestHasNoDeadlineAndIsNotCancelled() {
        assertEquals(Optional.empty(), request("/").deadline());
        assertFalse(request("/").cancelled());
    }
}
