package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fwatchdog.spring.TestApplication;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.boot.SpringApplication;

/** Spring Boot applications as processes of a host. */
class SpringWorkerTest {
    private static Host start(Pipe pipe, String profiles) throws IOException {
        return Host.startOn(System.getProperty("java.class.path"), pipe, TestApplication.class,
                "SPRING_PROFILES_ACTIVE", profiles,
                "SPRING_MAIN_REGISTER_SHUTDOWN_HOOK", "false"); // so that the worker alone closes the context
    }

    private static Answer ask(Host host, String body) throws IOException {
        return host.answer(host.request("POST", "/", body.getBytes(UTF_8), true));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "native                     | x                               | 200 native warm",
        "openfaas                   | x                               | 200 openfaas x",
        "text                       | hello                           | 200 HELLO",
        "bytes                      | hello                           | 200 h",
        "json                       | {\"name\":\"you\",\"numbers\":[1,2]} | 200 {\"hello you\":3}",
        "list                       | [{\"name\":\"first\"}]              | 200 first",
        "native,openfaas,text       | x                               | 200 native warm",
        "openfaas,text              | x                               | 200 openfaas x",
        "two,primary                | x                               | 200 primary",
    })
    void theBeanThatComesFirstAnswers(String profiles, String body, String answer) throws Exception {
        try (Host host = start(Pipe.FD3, profiles)) {
            host.greet();
            assertEquals(answer, ask(host, body).text());
        }
    }

    @Test
    void aFunctionThatReturnsNothingIsAnEmptyAnswer() throws Exception {
        try (Host host = start(Pipe.FD3, "bytes")) {
            host.greet();
            assertEquals("200 ", ask(host, "").text());
        }
    }

    @Test
    void anAnswerInJsonSaysSoAndABodyThatIsNoneIsABadRequest() throws Exception {
        try (Host host = start(Pipe.FD3, "json")) {
            host.greet();
            assertEquals("application/json", ask(host, "{\"name\":\"you\",\"numbers\":[]}").headers.get("content-type"));
            Answer refused = ask(host, "you");
            assertEquals(5, refused.errorCode);
            assertTrue(refused.errorText.startsWith("the body is not the JSON that is expected"), refused.errorText);
        }
    }

    @ParameterizedTest
    @EnumSource
    void bannerAndLogAreNoFrames(Pipe pipe) throws Exception {
        try (Host host = start(pipe, "native")) {
            host.greet();
            host.hangUp();
            assertEquals(0, host.exitCode());
            assertTrue(host.stderr.toString(UTF_8).contains(":: Spring Boot ::"));
            assertEquals("", host.stray.toString(UTF_8));
        }
    }

    @Test
    void afterTheLastRequestTheContextIsClosed() throws Exception {
        try (Host host = start(Pipe.FD1, "native")) {
            host.greet();
            host.goAway();
            host.hangUp();
            assertEquals(0, host.exitCode());
            assertTrue(host.stderr.toString(UTF_8).contains("connection closed"));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "broken | no database",
        "other  | there is no bean of type io.fwatchdog.Handler, com.openfaas.model.IHandler or java.util.function.Function",
        "two    | No qualifying bean of type 'java.util.function.Function' available: expected single matching bean but found 2: oneOfTwo,otherOfTwo",
    })
    void anApplicationThatDoesNotStartIsErrorOneWithTheRootOfIt(String profile, String message) throws Exception {
        try (Host host = start(Pipe.FD1, profile)) {
            host.sayHello();
            Decoder error = host.next("ERROR", f -> f.type == Frame.ERROR).decoder();
            assertEquals(1, error.u16());
            assertTrue(error.text().startsWith(message + "\n"));
            assertEquals(1, host.exitCode());
        }
    }

    @Test
    void withoutAHostAnApplicationIsWhatItWas() {
        try (var context = new SpringApplication(TestApplication.class).run("--spring.main.banner-mode=off", "--logging.level.root=off")) {
            assertTrue(context.isActive());
            assertFalse(Thread.getAllStackTraces().keySet().stream().anyMatch(thread -> thread.getName().startsWith("fwatchdog")));
        }
    }
}
