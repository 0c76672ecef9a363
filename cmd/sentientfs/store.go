//go:build !sandbox

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/localstore"
)

// storeCommands are the commands that need the embedded S3 server.
func (p *program) storeCommands() []*cli.Command {
	return []*cli.Command{p.demoCommand(), p.storeCommand(), p.selfCheckCommand(), p.benchCommand()}
}

func (p *program) storeCommand() *cli.Command {
	return &cli.Command{
		Name:     "store",
		Usage:    "the embedded S3 server",
		Category: "Without an account",
		Commands: []*cli.Command{p.storeServe()},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fail(codeUsage, "it is serve", "there is no command store %q", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func (p *program) storeServe() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "serve a folder as an S3 bucket, until Ctrl-C",
		Description: "The keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else they are made once and kept in\n" +
			"the folder, readable by its owner only. Another machine mounts it with --endpoint.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "the `DIR` with the objects", Required: true, Local: true},
			&cli.StringFlag{Name: "addr", Usage: "listen on `HOST:PORT`; port 0 takes a free one", Value: "127.0.0.1:9000", Local: true},
			&cli.StringFlag{Name: "bucket", Usage: "make the bucket `NAME`", Local: true},
			jsonFlag(),
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return p.serveStore(ctx, c.String("dir"), c.String("addr"), c.String("bucket"), c.Bool("json"))
		},
	}
}

func (p *program) serveStore(ctx context.Context, dir, addr, bucket string, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fail(codeFailure, "", "cannot find the folder: %v", err)
	}
	keyID, secret, err := localstore.Keys(dir)
	if err != nil {
		return fail(codeConfig, "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither", "cannot get keys for the store: %v", err)
	}
	server, err := startStore(ctx, localstore.Options{Dir: dir, Addr: addr, KeyID: keyID, Secret: secret, Bucket: bucket,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if asJSON {
		err = p.printJSON(map[string]string{"endpoint": server.Endpoint(), "dir": dir, "bucket": bucket, "access_key_id": keyID})
	} else {
		p.tellStore(server, dir, bucket, keyID)
	}
	<-ctx.Done()
	return errors.Join(err, server.Close())
}

func (p *program) tellStore(s *localstore.Server, dir, bucket, keyID string) {
	if bucket == "" {
		bucket = "BUCKET"
	}
	fmt.Fprintf(p.stdout, "S3 server on %s over %s\n", s.Endpoint(), dir)
	fmt.Fprintf(p.stdout, "key id %s; the secret is AWS_SECRET_ACCESS_KEY, or in %s\n", keyID, filepath.Join(dir, "keys"))
	fmt.Fprintf(p.stdout, "mount: sentientfs mount --endpoint %s %s MOUNTPOINT\n", s.Endpoint(), bucket)
}

// startStore starts the server and says what is wrong if it does not start.
func startStore(ctx context.Context, o localstore.Options) (*localstore.Server, error) {
	s, err := localstore.Start(ctx, o)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fail(codeNetwork, "give another port with --addr, or 0 for any", "cannot start the store: %s is in use", o.Addr)
	case errors.Is(err, os.ErrPermission):
		return nil, fail(codeFailure, "give a folder that you may write", "cannot start the store: %v", err)
	}
	var addr *net.AddrError
	if errors.As(err, &addr) {
		return nil, fail(codeUsage, "write --addr HOST:PORT", "cannot start the store: %v", err)
	}
	return nil, fail(codeFailure, "", "cannot start the store: %v", err)
}
