package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.function.Function;
import org.junit.jupiter.api.Test;

class HandlerTest {
    private static String answer(Handler handler, String body) throws Exception {
        Response response = handler.handle(Request.of("POST", "/", Headers.of(), body.getBytes(UTF_8)));
        return response.status() + " " + new String(response.readBody(), UTF_8);
    }

    @Test
    void aFunctionOverTextIsAHandler() throws Exception {
        assertEquals("200 GR\u00dc\u00dfE", answer(Handler.ofText(text -> text.replace("gr\u00fc\u00dfe", "GR\u00dc\u00dfE")), "gr\u00fc\u00dfe"));
        assertEquals("200 ", answer(Handler.ofText(text -> null), "x"));
    }

    @Test
    void aFunctionOverBytesIsAHandler() throws Exception {
        assertEquals("200 x", answer(Handler.ofBytes(Function.identity()), "x"));
        assertEquals("200 ", answer(Handler.ofBytes(bytes -> null), "x"));
    }
}
