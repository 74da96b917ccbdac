// Command fasthttp is the front end alone: what there is at most to reach.
package main

import (
	"log"
	"os"

	"github.com/valyala/fasthttp"
)

func main() {
	handle := func(ctx *fasthttp.RequestCtx) {
		if body := ctx.PostBody(); len(body) > 0 {
			ctx.SetBody(body)
			return
		}
		ctx.SetBodyString("hello")
	}
	server := &fasthttp.Server{Handler: handle, MaxRequestBodySize: 16 << 20}
	log.Fatal(server.ListenAndServe("127.0.0.1:" + os.Getenv("PORT")))
}
