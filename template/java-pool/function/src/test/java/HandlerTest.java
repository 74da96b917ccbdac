import static org.junit.Assert.assertNotNull;

import com.openfaas.function.Handler;
import com.openfaas.model.AbstractHandler;
import org.junit.Test;

public class HandlerTest {
    @Test
    public void theHandlerCanBeMade() {
        AbstractHandler handler = new Handler();
        assertNotNull(handler);
    }
}
