package example;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.fwatchdog.BadRequestException;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import io.fwatchdog.Worker;
import java.io.IOException;
import java.util.stream.DoubleStream;

/** Adds numbers: {@code {"numbers": [1, 2]}} is answered with {@code {"sum": 3.0, "count": 2}}. */
public final class Sum {
    private static final Gson GSON = new Gson();

    private record Question(double[] numbers) {
    }

    private record Answer(double sum, int count) {
    }

    private Sum() {
    }

    public static void main(String[] args) {
        Worker.serve(Sum::handle);
    }

    static Response handle(Request request) throws IOException {
        double[] numbers = parse(request.text()).numbers;
        Answer answer = new Answer(DoubleStream.of(numbers).sum(), numbers.length);
        return Response.of(200).header("Content-Type", "application/json").body(GSON.toJson(answer));
    }

    private static Question parse(String json) {
        try {
            Question question = GSON.fromJson(json, Question.class);
            if (question != null && question.numbers != null) {
                return question;
            }
        } catch (JsonParseException | NumberFormatException e) {
            throw new BadRequestException("the body is not JSON, or not of numbers", e);
        }
        throw new BadRequestException("\"numbers\" must be a list of numbers");
    }
}
