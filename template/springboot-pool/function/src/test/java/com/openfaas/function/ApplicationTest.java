package com.openfaas.function;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.openfaas.function.Application.Answer;
import com.openfaas.function.Application.Question;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;

@SpringBootTest
class ApplicationTest {
    @Autowired
    Function<Question, Answer> greet;

    @Test
    void saysHello() {
        assertEquals(new Answer("Hello, Ada!"), greet.apply(new Question("Ada")));
    }
}
