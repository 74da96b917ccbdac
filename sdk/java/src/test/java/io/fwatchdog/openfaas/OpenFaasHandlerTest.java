package io.fwatchdog.openfaas;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.openfaas.model.IHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.Response;
import io.fwatchdog.BadRequestException;
import io.fwatchdog.Headers;
import io.fwatchdog.Request;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What stands between the host's request and the function's, and back. */
class OpenFaasHandlerTest {
    private static Request request(String method, String target, String... headers) {
        return Request.of(method, target, Headers.of(headers), "gr\u00fc\u00dfe".getBytes(UTF_8));
    }

    /** What a function is given for a request. */
    private static IRequest given(Request request) throws Exception {
        IRequest[] given = new IRequest[1];
        new OpenFaasHandler(seen -> {
            given[0] = seen;
            return new Response();
        }).handle(request);
        return given[0];
    }

    private static io.fwatchdog.Response answer(IHandler function) throws Exception {
        return new OpenFaasHandler(function).handle(request("GET", "/"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
    void everyVerbHasItsBodyAsText(String verb) throws Exception {
        assertEquals("gr\u00fc\u00dfe", given(request(verb, "/")).getBody());
    }

    @Test
    void namesOfHeadersAreWrittenAsTheJdkDoesAndTheFirstValueCounts() throws Exception {
        IRequest request = given(request("GET", "/", "x-call-id", "7", "accept", "a", "accept", "b"));
        assertEquals("{Accept=a, X-call-id=7}", request.getHeaders().toString());
        assertEquals("7", request.getHeader("X-Call-Id"));
        assertNull(request.getHeader("host"));
    }

    @Test
    void thePathIsDecodedAndTheQueryIsNot() throws Exception {
        IRequest request = given(request("GET", "/a%2Fb+c/%C3%BC?q=%20"));
        assertEquals("/a/b+c/\u00fc", request.getPathRaw());
        assertEquals("q=%20", request.getQueryRaw());
        assertEquals("{q= }", request.getQuery().toString());
    }

    @Test
    void aTargetWithoutAMarkHasNoRawQuery() throws Exception {
        assertNull(given(request("GET", "/")).getQueryRaw());
        assertEquals("{}", given(request("GET", "/")).getQuery().toString());
        assertEquals("", given(request("GET", "/?")).getQueryRaw());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/%zz", "/?a=%zz"})
    void aTargetThatIsNotWellEncodedIsABadRequest(String target) {
        assertThrows(BadRequestException.class, () -> given(request("GET", target)));
    }

    @Test
    void nothingSetIsAnEmpty200WithoutAContentType() throws Exception {
        io.fwatchdog.Response answer = answer(seen -> new Response());
        assertEquals(200, answer.status());
        assertEquals(0, answer.headers().size());
        assertEquals(0, answer.readBody().length);
    }

    @Test
    void whatIsSetIsAnswered() throws Exception {
        io.fwatchdog.Response answer = answer(seen -> {
            Response response = new Response();
            response.setStatusCode(418);
            response.setBody("gr\u00fc\u00dfe");
            response.setHeader("X-B", "1");
            response.setHeader("X-A", "2");
            response.setContentType("text/x");
            return response;
        });
        assertEquals(418, answer.status());
        assertEquals("content-type: text/x\nx-b: 1\nx-a: 2\n", answer.headers().toString());
        assertEquals("gr\u00fc\u00dfe", new String(answer.readBody(), UTF_8));
    }

    @Test
    void aContentTypeAmongTheHeadersWinsAndANameHasOneValue() throws Exception {
        io.fwatchdog.Response answer = answer(seen -> {
            Response response = new Response();
            response.setContentType("text/x");
            response.setHeader("Content-type", "text/y");
            response.setHeader("X-A", "1");
            response.setHeader("x-a", "2");
            response.getHeaders().put("X-Null", null);
            return response;
        });
        assertEquals("content-type: text/y\nx-a: 2\n", answer.headers().toString());
    }

    @Test
    void noContentTypeAtAllIsAnEmptyOne() throws Exception {
        assertEquals(0, answer(seen -> {
            Response response = new Response();
            response.setContentType(null);
            return response;
        }).headers().size());
    }

    @Test
    void aNullResponseANullBodyAndAStatusThatIsNoneAreRaised() {
        assertThrows(IllegalStateException.class, () -> answer(seen -> null));
        assertThrows(IllegalStateException.class, () -> answer(seen -> {
            Response response = new Response();
            response.setBody(null);
            return response;
        }));
        assertThrows(IllegalArgumentException.class, () -> answer(seen -> {
            Response response = new Response();
            response.setStatusCode(0);
            return response;
        }));
    }
}
