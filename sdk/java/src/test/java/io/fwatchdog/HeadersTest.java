package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeadersTest {
    private final Headers headers = Headers.of("Accept", "a", "X-Call-Id", "7", "accept", "b");

    @Test
    void lookingUpIgnoresCaseAndFindsTheFirst() {
        assertEquals("a", headers.get("ACCEPT"));
        assertEquals("7", headers.get("x-call-id"));
        assertNull(headers.get("host"));
    }

    @Test
    void allValuesOfARepeatedHeaderAreKept() {
        assertEquals(Arrays.asList("a", "b"), headers.all("Accept"));
        assertEquals(Collections.emptyList(), headers.all("host"));
        assertEquals(3, headers.size());
    }

    @Test
    void theOrderIsKeptAndNamesAreInLowerCase() {
        assertEquals("accept: a\nx-call-id: 7\naccept: b\n", headers.toString());
    }

    @Test
    void anIteratorEnds() {
        Iterator<Map.Entry<String, String>> one = Headers.of("a", "1").iterator();
        one.next();
        assertFalse(one.hasNext());
        assertThrows(NoSuchElementException.class, one::next);
    }

    @Test
    void theSizeOnTheWireIsKnownBeforeItIsWritten() {
        assertEquals(new Encoder(0).pairs(headers).payloadLength(), headers.encodedBytes());
    }

    @Test
    void aNameWithoutAValueIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> Headers.of("a", "1", "b"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a:", "a\n", "\u00fc"})
    void aNameThatCannotTravelIsRefused(String name) {
        assertThrows(IllegalArgumentException.class, () -> Headers.of(name, "1"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\r", "a\nset-cookie: b", "\0", "\u20ac"})
    void aValueThatCannotTravelIsRefused(String value) {
        assertThrows(IllegalArgumentException.class, () -> Headers.of("a", value));
    }
}
