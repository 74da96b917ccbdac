package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fwatchdog.openfaas.Main;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A function of the OpenFaaS templates as a process. */
class OpenFaasWorkerTest {
    @Test
    void oneInstanceAnswersEveryRequest() throws Exception {
        try (Host host = Host.start(Pipe.FD3, Main.class)) {
            assertEquals("1", host.greet().get("concurrency"));
            for (int call = 1; call <= 3; call++) {
                assertEquals("200 hello " + call, host.answer(host.request("PUT", "/", "hello".getBytes(UTF_8), true)).text());
            }
        }
    }

    @Test
    void theOperatorMayRaiseTheConcurrency() throws Exception {
        try (Host host = Host.start(Pipe.FD3, Main.class, "FWATCHDOG_CONCURRENCY", "8")) {
            assertEquals("8", host.greet().get("concurrency"));
        }
    }

    @Test
    void whatItsConstructorPrintsBreaksNothing() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Main.class)) {
            host.greet();
            host.hangUp();
            assertEquals(0, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("printed by the constructor"));
        }
    }

    @Test
    void whatItsConstructorThrowsIsErrorOne() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Main.class, "HANDLER_ERROR", "1")) {
            host.sayHello();
            Decoder error = host.next("ERROR", f -> f.type == Frame.ERROR).decoder();
            assertEquals(1, error.u16());
            assertTrue(error.text().startsWith("no database\n"));
            assertEquals(1, host.exitCode());
        }
    }

    @Test
    void withoutAFunctionTheErrorNamesTheClassThatIsMissing() throws Exception {
        try (Host host = Host.startOn("target/classes", Pipe.FD1, Main.class)) {
            host.sayHello();
            Decoder error = host.next("ERROR", f -> f.type == Frame.ERROR).decoder();
            assertEquals(1, error.u16());
            assertTrue(error.text().contains("com.openfaas.function.Handler"));
            assertEquals(1, host.exitCode());
        }
    }

    @Test
    void aFunctionOfAnotherNameIsFoundByItsServiceFile(@TempDir Path folder) throws Exception {
        String file = "io/fwatchdog/OwnNamed.class";
        Files.createDirectories(folder.resolve(file).getParent());
        Files.copy(Paths.get("target/test-classes", file), folder.resolve(file));
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.write(services.resolve("com.openfaas.model.AbstractHandler"), "io.fwatchdog.OwnNamed".getBytes(UTF_8));
        try (Host host = Host.startOn("target/classes:" + folder, Pipe.FD1, Main.class)) {
            host.greet();
            assertEquals("200 own name", host.answer(host.call("/")).text());
        }
    }

    @Test
    void anExceptionANullResponseAndABadTargetAreAnsweredAndTheWorkerLives() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Main.class)) {
            host.greet();
            assertEquals("ERROR 3 boom", host.answer(host.call("/throw")).text());
            assertEquals("ERROR 3 the handler returned no response", host.answer(host.call("/null")).text());
            assertEquals("ERROR 5 the target is not well encoded", host.answer(host.call("/%zz")).text());
            assertEquals("200  1", host.answer(host.call("/")).text());
        }
    }

    @Test
    void exitEndsTheProcess() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Main.class)) {
            host.greet();
            host.call("/exit");
            assertEquals(3, host.exitCode());
        }
    }
}
