package templates_test

import (
	"strings"
	"testing"
)

// form is a function as users of an official template have it, which runs here with another `lang:` alone.
type form struct {
	language string            // of ours
	files    map[string]string // of the function's folder, and what an official template puts there
	settings []string
	call     call
}

// forms are the signatures of the official templates that the samples of ours do not have.
var forms = map[string]form{
	"node": {"node-pool", map[string]string{
		"handler.js": "\"use strict\"\n\nmodule.exports = (context, callback) => {\n    callback(undefined, {status: context});\n}\n",
		"package.json": `{"name": "function", "version": "1.0.0", "main": "handler.js",
			"scripts": {"test": "echo no test && exit 0"}, "dependencies": {}}`,
	}, []string{"handler_style=classic"}, call{"POST", "text/plain", "hello", "200 text/plain; charset=utf-8 {\"status\":\"hello\"}\n"}},

	"node20": {"node-pool", map[string]string{
		"handler.js":   "module.exports = async (event, context) => context.status(201).headers({'Content-Type': 'text/plain'}).succeed(event.body.name)\n",
		"package.json": `{"name": "function", "version": "1.0.0", "main": "handler.js", "scripts": {"test": "exit 0"}}`,
	}, nil, call{"POST", "application/json", `{"name":"Ada"}`, "201 text/plain; charset=utf-8 Ada"}},

	"python3-http": {"python3-pool", map[string]string{
		"handler.py": "def handle(event, context):\n    return {\"statusCode\": 202, \"body\": {\"method\": event.method, \"body\": event.body.decode()}}\n",
		// As that template has it: pytest finds it, unittest does not.
		"handler_test.py": "from .handler import handle\n\ndef test_handle():\n    pass\n",
		"tox.ini":         "[tox]\nenvlist = py\n",
	}, nil, call{"PUT", "text/plain", "hello", "202 application/json {\"body\":\"hello\",\"method\":\"PUT\"}\n"}},

	"python3-flask": {"python3-pool", map[string]string{
		"handler.py":       "def handle(req):\n    return req\n",
		"requirements.txt": "",
	}, nil, call{"POST", "text/plain", "hello", "200 text/html; charset=utf-8 hello"}},

	"python3": {"python3-pool", map[string]string{
		"handler.py": "import subprocess\n\n\ndef handle(req):\n    print('printed')\n    subprocess.run(['echo', 'by a subprocess'])\n    return req\n",
	}, []string{"handler_style=classic"}, call{"POST", "", "hello", "200 text/plain; charset=utf-8 printed\nby a subprocess\nhello\n"}},

	"golang-middleware": {"go-pool", map[string]string{
		"go.mod":            "module handler/function\n\ngo 1.23\n",
		"static/notice.txt": "from a file",
		"handler.go": "package function\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {\n" +
			"\tdefer r.Body.Close()\n\tinput, _ := io.ReadAll(r.Body)\n\tnotice, _ := os.ReadFile(\"static/notice.txt\")\n" +
			"\tw.WriteHeader(http.StatusAccepted)\n\tw.Write(append(input, notice...))\n}\n",
	}, nil, call{"POST", "", "hello", "202 text/plain; charset=utf-8 hellofrom a file"}},

	"go": {"go-pool", map[string]string{
		"handler.go": "package function\n\nimport \"fmt\"\n\nfunc Handle(req []byte) string {\n\treturn fmt.Sprintf(\"Hello, Go. You said: %s\", string(req))\n}\n",
	}, nil, call{"POST", "", "hello", "200 text/plain; charset=utf-8 Hello, Go. You said: hello\n"}},

	"java17": {"java-pool-gradle", map[string]string{
		"src/main/java/com/openfaas/function/Handler.java": "package com.openfaas.function;\n\nimport com.google.common.base.Strings;\n" +
			"import com.openfaas.model.IRequest;\nimport com.openfaas.model.IResponse;\nimport com.openfaas.model.Response;\n" +
			"import org.apache.commons.math3.util.ArithmeticUtils;\n\n" +
			"public class Handler extends com.openfaas.model.AbstractHandler {\n\n    public IResponse Handle(IRequest req) {\n" +
			"        Response res = new Response();\n        res.setStatusCode(201);\n        res.setContentType(\"text/x-test\");\n" +
			"        res.setBody(Strings.repeat(req.getBody(), 2) + ArithmeticUtils.gcd(12, 18) + req.getQuery());\n\n        return res;\n    }\n}\n",
		"src/test/java/HandlerTest.java": "import static org.junit.Assert.assertEquals;\n\nimport com.openfaas.function.Handler;\n" +
			"import com.openfaas.model.Request;\nimport java.util.HashMap;\nimport org.junit.Test;\n\npublic class HandlerTest {\n" +
			"    @Test public void repeats() {\n        Request request = new Request(\"x\", new HashMap<>());\n" +
			"        assertEquals(\"xx6null\", new Handler().Handle(request).getBody());\n    }\n}\n",
	}, nil, call{"POST", "text/plain", "ab", "201 text/x-test abab6{}"}},
}

// javaBuild is a build.gradle with more dependencies than the sample's.
func javaBuild(t *testing.T) string {
	t.Helper()
	const first = "dependencies {\n"
	return strings.Replace(read(t, templates+"/java-pool-gradle/function/build.gradle"), first,
		first+"    api 'org.apache.commons:commons-math3:3.6.1'\n    implementation 'com.google.guava:guava:23.0'\n", 1)
}

func TestFunctionsOfTheOfficialTemplatesRunUnchanged(t *testing.T) {
	tools := newTools(t)
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			if name == "java17" {
				f.files["build.gradle"] = javaBuild(t)
			}
			image := build(t, shrinkwrap(t, f.language, f.files), tools.watchdog, tools.env)
			at := run(t, image, tools.env, f.settings...)
			for range 2 {
				if got := at.call(t, f.call); got != f.call.want {
					t.Errorf("got %q, want %q", got, f.call.want)
				}
			}
		})
	}
}
