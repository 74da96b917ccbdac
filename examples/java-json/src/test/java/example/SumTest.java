package example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.fwatchdog.BadRequestException;
import io.fwatchdog.Headers;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SumTest {
    private static Request question(String json) {
        return Request.of("POST", "/", Headers.of(), json.getBytes(UTF_8));
    }

    @Test
    void numbersAreAdded() throws Exception {
        Response response = Sum.handle(question("{\"numbers\": [1, 2, 3.5]}"));
        assertEquals("application/json", response.headers().get("content-type"));
        assertEquals("{\"sum\":6.5,\"count\":3}", new String(response.readBody(), UTF_8));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "{\"numbers\": 1}", "{\"numbers\": [\"one\"]}", "no json"})
    void whatIsNoListOfNumbersIsABadRequest(String json) {
        assertThrows(BadRequestException.class, () -> Sum.handle(question(json)));
    }
}
