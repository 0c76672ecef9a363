package s3backend

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// ProbePrefix begins the names of the objects that Traits makes for a moment.
	ProbePrefix = ".sentientfs-probe-"
	// wrongETag has the form of an ETag and is that of nothing.
	wrongETag = "00000000000000000000000000000000"
	// probeTime bounds a probe, whoever waits for it.
	probeTime = time.Minute
	// probePause is how long a probe that failed is not tried again.
	probePause = 30 * time.Second
)

// probe is what is known of the server, and the one question that is under way.
type probe struct {
	mu     sync.Mutex // guards all; not held while asking
	known  bool
	traits object.Traits
	err    error
	failed time.Time
	asking chan struct{} // closed at the end of the question; nil when nobody asks
}

// Traits implements object.Prober. The question outlives the one who asked it first, others wait for the same answer.
func (s *Store) Traits(ctx context.Context) (object.Traits, error) {
	for {
		s.probe.mu.Lock()
		if s.probe.known {
			defer s.probe.mu.Unlock()
			return s.probe.traits, nil
		}
		if s.probe.err != nil && time.Since(s.probe.failed) < probePause {
			defer s.probe.mu.Unlock()
			return object.Traits{}, s.probe.err
		}
		if s.probe.asking == nil {
			asking := make(chan struct{})
			s.probe.asking = asking
			s.work.Go(func() { s.ask(s.life, asking) })
		}
		asking := s.probe.asking
		s.probe.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return object.Traits{}, &object.Error{Op: "Probe", Kind: object.KindOf(ctx.Err()), Err: context.Cause(ctx)}
		}
	}
}

// traits is Traits for a request of our own: nothing is taken as given where the question failed.
func (s *Store) traits(ctx context.Context) (object.Traits, bool) {
	t, err := s.Traits(ctx)
	return t, err == nil
}

func (s *Store) ask(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	t, err := s.runProbe(ctx)
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	s.probe.known, s.probe.traits, s.probe.err, s.probe.failed = err == nil, t, err, time.Now()
	s.probe.asking = nil
	close(done)
}

// prober holds the keys of one probe.
type prober struct {
	s    *Store
	key  string // is there, with a body of one byte
	full string
}

// runProbe sends what an honest server must refuse. Whatever it refuses for another reason counts as not given.
func (s *Store) runProbe(ctx context.Context) (t object.Traits, err error) {
	var b [8]byte
	rand.Read(b[:])
	key := ProbePrefix + hex.EncodeToString(b[:])
	full, err := s.full("Probe", key)
	if err != nil {
		return t, err
	}
	p := &prober{s, key, full}
	defer p.clean(ctx)
	if _, err := p.put(ctx, key, conditions{}); err != nil {
		return t, err
	}
	var wg sync.WaitGroup
	for _, q := range []struct {
		honoured *bool
		ask      func(context.Context) error
	}{
		{&t.PutIfMatch, func(ctx context.Context) error { return p.putErr(ctx, conditions{ifMatch: wrongETag}) }},
		{&t.PutIfNoneMatch, func(ctx context.Context) error { return p.putErr(ctx, conditions{ifNoneMatch: true}) }},
		{&t.CompleteIfMatch, func(ctx context.Context) error { return p.complete(ctx, conditions{ifMatch: wrongETag}) }},
		{&t.CompleteIfNoneMatch, func(ctx context.Context) error { return p.complete(ctx, conditions{ifNoneMatch: true}) }},
		{&t.CopySourceIfMatch, func(ctx context.Context) error { return p.copy(ctx, "-c", wrongETag, conditions{}) }},
		{&t.CopyIfMatch, p.copyOver},
		{&t.DeleteIfMatch, p.remove},
		{&t.BatchDeleteIfMatch, p.removeBatch},
	} {
		wg.Go(func() { *q.honoured = object.Is(q.ask(ctx), object.KindChanged, object.KindExists) })
	}
	wg.Go(func() { p.copiedSum(ctx) })
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return object.Traits{}, &object.Error{Op: "Probe", Kind: object.KindOf(err), Err: err}
	}
	return t, nil
}

// suffixes are of the keys that a probe may leave, each question with its own, so that they run side by side.
var suffixes = []string{"", "-m", "-n", "-um", "-un", "-c", "-o", "-d", "-b", "-s"}

func (p *prober) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	var wg sync.WaitGroup
	for _, suffix := range suffixes {
		wg.Go(func() {
			if err := p.s.remove(ctx, p.key+suffix, p.full+suffix, conditions{}); err != nil {
				p.s.log.Warn("an object of the probe could not be removed", "key", p.key+suffix, "error", err)
			}
		})
	}
	wg.Wait()
}

func (p *prober) put(ctx context.Context, key string, cond conditions) (object.Info, error) {
	u := &put{s: p.s, key: key, full: p.s.prefix + key, body: object.Bytes([]byte("?")), cond: cond, metadata: map[string]string{}}
	return u.run(ctx)
}

// putErr puts over an object of its own.
func (p *prober) putErr(ctx context.Context, cond conditions) error {
	suffix := "-m"
	if cond.ifNoneMatch {
		suffix = "-n"
	}
	if _, err := p.put(ctx, p.key+suffix, conditions{}); err != nil {
		return err
	}
	_, err := p.put(ctx, p.key+suffix, cond)
	return err
}

func (p *prober) complete(ctx context.Context, cond conditions) error {
	suffix := "-um"
	if cond.ifNoneMatch {
		suffix = "-un"
	}
	if _, err := p.put(ctx, p.key+suffix, conditions{}); err != nil {
		return err
	}
	up, err := p.s.createUpload(ctx, p.key+suffix, p.full+suffix, nil, object.PutOptions{})
	if err != nil {
		return err
	}
	part, err := up.PutPart(ctx, 1, object.Bytes([]byte("?")))
	if err == nil {
		_, err = up.complete(ctx, []object.Part{part}, cond)
	}
	if err != nil {
		p.s.abandon(ctx, up)
	}
	return err
}

// copiedSum asks for the checksum of a copied part. Where the server does not answer, as S3 that copies no ranges of
// small objects, nothing is held against it.
func (p *prober) copiedSum(ctx context.Context) {
	two := object.Bytes([]byte("ab"))
	put := &put{s: p.s, key: p.key + "-s", full: p.full + "-s", body: two, metadata: map[string]string{}}
	if _, err := put.run(ctx); err != nil {
		return
	}
	up, err := p.s.createUpload(ctx, p.key+"-s", p.full+"-s", nil, object.PutOptions{})
	if err != nil {
		return
	}
	part, err := up.CopyPart(ctx, 1, p.key+"-s", "", 0, 1)
	if err == nil && part.CRC64NVME != 0 {
		first, _ := crcOf(object.Bytes([]byte("a")))
		p.s.lyingSums.Store(part.CRC64NVME != first)
	}
	p.s.abandon(ctx, up)
}

func (p *prober) copy(ctx context.Context, suffix, sourceETag string, cond conditions) error {
	c, err := p.s.newCopy(p.key+suffix, p.key, object.CopyOptions{SourceETag: sourceETag, Source: &object.Info{}})
	if err != nil {
		return err
	}
	c.cond = cond
	_, err = c.run(ctx)
	return err
}

// copyOver asks for both conditions on the destination: a server honours them together or is not trusted with either.
func (p *prober) copyOver(ctx context.Context) error {
	if _, err := p.put(ctx, p.key+"-o", conditions{}); err != nil {
		return err
	}
	err := p.copy(ctx, "-o", "", conditions{ifMatch: wrongETag})
	if !object.Is(err, object.KindChanged) {
		return err
	}
	return p.copy(ctx, "-o", "", conditions{ifNoneMatch: true})
}

func (p *prober) remove(ctx context.Context) error {
	if _, err := p.put(ctx, p.key+"-d", conditions{}); err != nil {
		return err
	}
	return p.s.remove(ctx, p.key+"-d", p.full+"-d", conditions{ifMatch: wrongETag})
}

func (p *prober) removeBatch(ctx context.Context) error {
	if _, err := p.put(ctx, p.key+"-b", conditions{}); err != nil {
		return err
	}
	var code string
	err := p.s.do(ctx, "DeleteObjects", p.key, func(ctx context.Context, _ attempt) error {
		out, err := p.s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &p.s.bucket, Delete: &types.Delete{
			Objects: []types.ObjectIdentifier{{Key: aws.String(p.full + "-b"), ETag: quote(wrongETag)}}}}, withMD5)
		if err == nil && len(out.Errors) > 0 {
			code = aws.ToString(out.Errors[0].Code)
		}
		return err
	})
	if err == nil && code != "" {
		return &object.Error{Op: "DeleteObjects", Key: p.key, Kind: byCode[code].kind}
	}
	return err
}
