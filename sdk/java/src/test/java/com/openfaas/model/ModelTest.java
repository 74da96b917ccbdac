package com.openfaas.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rows of the table of members; the odd ones were measured on the official model 0.1.1. */
class ModelTest {
    private static final Map<String, String> HEADERS = Collections.singletonMap("X-call-id", "7");

    private static Request request(String query, String path) {
        return new Request("body", HEADERS, query, path);
    }

    @Test
    void aRequestWithoutATargetHasNullForAllOfIt() {
        IRequest request = new Request("body", HEADERS);
        assertEquals("body", request.getBody());
        assertNull(request.getQuery());
        assertNull(request.getQueryRaw());
        assertNull(request.getPath());
        assertNull(request.getPathRaw());
    }

    @ParameterizedTest
    @ValueSource(strings = {"X-call-id", "X-Call-Id", "x-call-id"})
    void headersAreFoundInAnyCase(String key) {
        assertEquals("7", request(null, "/").getHeader(key));
        assertEquals("7", request(null, "/").getHeaders().get(key));
    }

    @Test
    void headersThatAreAbsentAreNull() {
        assertNull(request(null, "/").getHeader("Host"));
        assertNull(request(null, "/").getHeader(null));
        assertEquals(Collections.emptyMap(), new Request("", null).getHeaders());
    }

    @Test
    void headersKeepTheirNames() {
        assertEquals(Collections.singleton("X-call-id"), request(null, "/").getHeaders().keySet());
    }

    @ParameterizedTest
    @CsvSource(nullValues = "null", value = {
        "null, {}", "'', {=null}", "a=1, {a=1}", "a, {a=null}", "a=, {a=null}", "=b, {=b}", "a=b=c, {a=b}", "a=1&a=2, {a=2}",
        "&&, {}", "a=1&b=2, '{a=1, b=2}'", "%C3%BC=x+%26, {\u00fc=x &}",
    })
    void theQueryIsCutAndDecoded(String query, String parameters) {
        assertEquals(query, request(query, "/").getQueryRaw());
        assertEquals(parameters, request(query, "/").getQuery().toString());
    }

    @ParameterizedTest
    @CsvSource(nullValues = "null", value = {
        "null, {}", "'', {}", "/, {}", "/a, {a=}", "/a/b, {a=b}", "/a/b/c, '{a=b, c=}'", "//a, {a=}", "/a//b, '{a=, b=}'", "/a/b/, {a=b}",
    })
    void thePathIsTakenInPairs(String path, String parameters) {
        assertEquals(path, request(null, path).getPathRaw());
        assertEquals(parameters, request(null, path).getPath().toString());
    }

    @Test
    void aResponseStartsEmptyWithStatus200() {
        IResponse response = new Response();
        assertEquals(200, response.getStatusCode());
        assertEquals("", response.getBody());
        assertEquals("", response.getContentType());
        assertEquals(new HashMap<>(), response.getHeaders());
    }

    @Test
    void aResponseKeepsWhatIsSet() {
        IResponse response = new Response();
        response.setStatusCode(201);
        response.setBody("made");
        response.setContentType("text/x");
        response.setHeader("X-A", "1");
        assertEquals(201, response.getStatusCode());
        assertEquals("made", response.getBody());
        assertEquals("text/x", response.getContentType());
        assertEquals("1", response.getHeader("X-A"));
        assertNull(response.getHeader("x-a"));
    }

    @Test
    void aNullValueTakesAHeaderAwayAndIsNeverKept() {
        IResponse response = new Response();
        response.setHeader("X-A", "1");
        response.setHeader("X-A", null);
        response.setHeader("X-B", null);
        assertFalse(response.getHeaders().containsKey("X-A") || response.getHeaders().containsKey("X-B"));
    }
}
