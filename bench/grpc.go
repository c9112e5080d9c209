package main

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const grpcMethod = "/bench.Bench/Echo"

func serveGRPC(_ context.Context, r *role, _ []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Bench",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				text := new(wrapperspb.StringValue)
				return text, decode(text)
			},
		}},
	}, nil)
	go func() { must(s.Serve(l)) }()
	r.uri = l.Addr().String()
	return nil
}

func callGRPC(_ context.Context, r *role, args []string) error {
	conn, err := grpc.NewClient(args[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	r.call = func(ctx context.Context, text string) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return conn.Invoke(ctx, grpcMethod, wrapperspb.String(text), new(wrapperspb.StringValue))
	}
	return nil
}
