// Command proxy is Go's own reverse proxy before the server at UPSTREAM: what most sidecars are made of. IDLE is how
// many connections it keeps; not set it is Go's default.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
)

func main() {
	upstream, err := url.Parse(os.Getenv("UPSTREAM"))
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	if idle, err := strconv.Atoi(os.Getenv("IDLE")); err == nil { // the default keeps 2 connections, and connects anew for all others
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = idle
		proxy.Transport = transport
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), proxy))
}
