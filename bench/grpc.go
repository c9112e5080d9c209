package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	grpcMethod = "/bench.Bench/Echo"
	grpcStream = "/bench.Feed/Read"
)

func serveGRPC(_ context.Context, r *role, _ []string) error {
	return r.serve(&grpc.ServiceDesc{
		ServiceName: "bench.Bench",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				text := new(wrapperspb.StringValue)
				return text, decode(text)
			},
		}},
	})
}

// serveGRPCFeed streams as a Feed does.
func serveGRPCFeed(_ context.Context, r *role, _ []string) error {
	return r.serve(&grpc.ServiceDesc{
		ServiceName: "bench.Feed",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName:    "Read",
			ServerStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error {
				wanted := new(wrapperspb.StringValue)
				if err := stream.RecvMsg(wanted); err != nil {
					return err
				}
				var size, count int
				if _, err := fmt.Sscan(wanted.Value, &size, &count); err != nil {
					return err
				}
				text := strings.Repeat("x", size)
				for range count {
					if err := stream.SendMsg(wrapperspb.String(text)); err != nil {
						return err
					}
				}
				return nil
			},
		}},
	})
}

// serve serves one service of gRPC.
func (r *role) serve(d *grpc.ServiceDesc) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	s.RegisterService(d, nil)
	go func() { must(s.Serve(l)) }()
	r.uri = l.Addr().String()
	return nil
}

func dialGRPC(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// readGRPC reads streams of serveGRPCFeed.
func readGRPC(_ context.Context, r *role, args []string) error {
	conn, err := dialGRPC(args[0])
	if err != nil {
		return err
	}
	r.read(args[1], func(ctx context.Context, size, count int) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, grpcStream)
			if err == nil {
				err = errors.Join(stream.SendMsg(wrapperspb.String(fmt.Sprint(size, count))), stream.CloseSend())
			}
			for err == nil {
				text := new(wrapperspb.StringValue)
				if err = stream.RecvMsg(text); err == nil && !yield(text.Value, nil) {
					return
				}
			}
			if err != io.EOF {
				yield("", err)
			}
		}
	})
	return nil
}

func callGRPC(_ context.Context, r *role, args []string) error {
	conn, err := dialGRPC(args[0])
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
