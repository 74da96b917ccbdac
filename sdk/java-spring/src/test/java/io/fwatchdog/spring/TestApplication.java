package io.fwatchdog.spring;

import com.openfaas.model.IHandler;
import io.fwatchdog.Handler;
import io.fwatchdog.Response;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.context.annotation.Profile;
import org.springframework.context.event.EventListener;

/** Applications with all kinds of beans; the active profiles say which one it is. */
@Configuration
public class TestApplication {
    private final AtomicBoolean warm = new AtomicBoolean();

    /** A question in JSON. */
    public record Question(String name, List<Integer> numbers) {
    }

    public static void main(String[] arguments) {
        SpringApplication.run(TestApplication.class, arguments);
    }

    @EventListener
    public void warmUp(ApplicationReadyEvent event) throws InterruptedException {
        Thread.sleep(200); // a request that came too early would be answered meanwhile
        warm.set(true);
    }

    @Bean
    public DisposableBean connection() {
        return () -> System.out.println("connection closed");
    }

    @Bean
    @Profile("native")
    public Handler nativeHandler() {
        return request -> Response.of(200).body("native " + (warm.get() ? "warm" : "cold"));
    }

    @Bean
    @Profile("openfaas")
    public IHandler openFaasHandler() {
        return request -> {
            var response = new com.openfaas.model.Response();
            response.setBody("openfaas " + request.getBody());
            return response;
        };
    }

    @Bean
    @Profile("text")
    public Function<String, String> text() {
        return String::toUpperCase;
    }

    @Bean
    @Profile("bytes")
    public Function<byte[], byte[]> bytes() {
        return bytes -> bytes.length == 0 ? null : new byte[] {bytes[0]};
    }

    @Bean
    @Profile("json")
    public Function<Question, Map<String, Object>> json() {
        return question -> Map.of("hello " + question.name(), question.numbers().stream().mapToInt(n -> n).sum());
    }

    @Bean
    @Profile("list")
    public Function<List<Question>, String> list() {
        return questions -> questions.get(0).name();
    }

    @Bean
    @Profile("two")
    public Function<String, String> oneOfTwo() {
        return text -> "one";
    }

    @Bean
    @Profile("two")
    public Function<String, String> otherOfTwo() {
        return text -> "other";
    }

    @Bean
    @Primary
    @Profile("primary")
    public Function<String, String> primary() {
        return text -> "primary";
    }

    @Bean
    @Profile("broken")
    public Object broken() {
        throw new IllegalStateException("no database");
    }
}
