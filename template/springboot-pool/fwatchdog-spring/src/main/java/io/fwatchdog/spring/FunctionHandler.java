package io.fwatchdog.spring;

import io.fwatchdog.Handler;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import java.io.IOException;
import java.util.function.Function;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.core.ResolvableType;
import org.springframework.util.ClassUtils;

/** Answers with a function over text, bytes, or whatever JSON can hold. */
final class FunctionHandler implements Handler {
    private static final boolean JACKSON = ClassUtils.isPresent("com.fasterxml.jackson.databind.ObjectMapper", FunctionHandler.class.getClassLoader());

    /** Turns a body into what the function takes. */
    private interface Reader {
        Object read(Request request) throws IOException;
    }

    private final Function<Object, Object> function;
    private final Reader reader;
    /** Null without Jackson. */
    private final Json json;

    @SuppressWarnings("unchecked") // what it takes is in input
    FunctionHandler(Function<?, ?> function, ResolvableType input, ListableBeanFactory beans) {
        this.function = (Function<Object, Object>) function;
        this.json = JACKSON ? new Json(beans) : null;
        this.reader = reader(input);
    }

    @Override
    public Response handle(Request request) throws IOException {
        Object answer = function.apply(reader.read(request));
        if (answer == null) {
            return Response.of(200);
        }
        if (answer instanceof String text) {
            return Response.of(200).body(text);
        }
        if (answer instanceof byte[] bytes) {
            return Response.of(200).body(bytes);
        }
        return Response.of(200).header("Content-Type", "application/json").body(json(answer.getClass()).write(answer));
    }

    private Reader reader(ResolvableType input) {
        Class<?> type = input.resolve(Object.class);
        if (type == String.class) {
            return Request::text;
        }
        if (type == byte[].class) {
            return Request::body;
        }
        Json codec = json(type);
        return request -> codec.read(request.body(), input.getType());
    }

    private Json json(Class<?> type) {
        if (json == null) {
            throw new IllegalStateException("a function over " + type.getName() + " needs Jackson (jackson-databind) on the class path");
        }
        return json;
    }
}
