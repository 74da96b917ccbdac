package com.openfaas.function;

import java.util.function.Function;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** An application whose bean of type Function answers the requests, many at once. */
@SpringBootApplication
public class Application {
    public static void main(String[] args) {
        SpringApplication.run(Application.class, args);
    }

    record Question(String name) {
    }

    record Answer(String greeting) {
    }

    @Bean
    Function<Question, Answer> greet() {
        return question -> new Answer("Hello, " + question.name() + "!");
    }
}
