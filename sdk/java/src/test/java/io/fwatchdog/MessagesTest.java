package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MessagesTest {
    @ParameterizedTest
    @CsvSource({
        "abc, 3, abc", "abc, 2, ab", "abc, 4, abc",
        "\u00fc\u00fc, 4, \u00fc\u00fc", "\u00fc\u00fc, 3, \u00fc", "\u00fc\u00fc, 2, \u00fc",
        "a\u20ac, 3, a", "a\ud83d\ude00, 4, a", "a\ud83d\ude00, 5, a\ud83d\ude00",
    })
    void aTextIsCutAtACharacter(String text, int max, String cut) {
        byte[] utf8 = text.getBytes(UTF_8);
        assertEquals(cut, new String(utf8, 0, Messages.cut(utf8, 0, max), UTF_8));
    }

    @Test
    void aReasonIsCutToAFrameThatAnyWorkerMaySend() {
        StringBuilder reason = new StringBuilder();
        for (int i = 0; i < 5000; i++) {
            reason.append('x');
        }
        assertEquals(Frame.SHARED_PAYLOAD, Messages.goAway(reason.toString()).payloadLength());
    }

    @Test
    void aHeadFitsToTheLastByte() {
        Headers headers = Headers.of("a", "12345");
        int exact = 4 + 2 + 2 + 2 + 1 + 2 + 5;
        assertEquals(exact, Messages.response(200, headers, exact).payloadLength());
        assertNull(Messages.response(200, headers, exact - 1));
    }

    @Test
    void aHeaderLongerThanItsLengthFieldDoesNotFit() {
        assertNull(Messages.response(200, Headers.of("a", new String(new char[70_000]).replace('\0', 'x')), Frame.MAX_PAYLOAD));
        assertNotNull(Messages.response(200, Headers.of("a", "x"), Frame.MAX_PAYLOAD));
    }
}
