package io.fwatchdog.spring;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fwatchdog.BadRequestException;
import java.io.IOException;
import java.lang.reflect.Type;
import org.springframework.beans.factory.ListableBeanFactory;

/** JSON as the application's own mapper does it. The only class that knows Jackson, which may not be there. */
final class Json {
    private final ObjectMapper mapper;

    Json(ListableBeanFactory beans) {
        mapper = beans.getBeanProvider(ObjectMapper.class).getIfAvailable(ObjectMapper::new);
    }

    Object read(byte[] body, Type type) throws IOException {
        try {
            return mapper.readValue(body, mapper.constructType(type));
        } catch (JacksonException e) {
            throw new BadRequestException("the body is not the JSON that is expected: " + e.getOriginalMessage(), e);
        }
    }

    byte[] write(Object value) throws IOException {
        return mapper.writeValueAsBytes(value);
    }
}
