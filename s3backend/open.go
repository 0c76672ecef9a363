package s3backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// The defaults of Options.
const (
	DefaultHTTPTimeout = 30 * time.Second // goofys' --http-timeout
	DefaultMaxRetries  = 8
	// defaultOperationTimeouts is how many HTTP time-outs an operation may begin attempts in.
	defaultOperationTimeouts = 3
	defaultRetryBase         = 100 * time.Millisecond
	// openRetries is small: a person waits for mount, and a wrong address does not become right.
	openRetries = 2
)

// Static is one set of credentials from one source.
type Static struct {
	KeyID, Secret string
	Token         string // of a session; "" for lasting keys
}

// LogValue keeps the secrets out of every log.
func (s Static) LogValue() slog.Value { return slog.StringValue("[credentials]") }

// String keeps the secrets out of every formatted text.
func (s Static) String() string { return "[credentials]" }

// GoString keeps the secrets out of %#v.
func (s Static) GoString() string { return "[credentials]" }

// An UploadLog remembers uploads over a crash. Add is called before the first part is sent, done when the upload has
// ended.
type UploadLog interface {
	Add(key, id string) (done func(), err error)
}

// Options say which bucket, how to reach it and how objects are stored in it.
type Options struct {
	Bucket   string
	Prefix   string // the part of the bucket that the Store shows; slashes at its ends do not matter
	Region   string // "" finds it: the profile's, else us-east-1, corrected by what the server says
	Endpoint string // a URL; "" is AWS, or what the profile says
	Profile  string // of the shared configuration; "" is the SDK's choice

	Uploads UploadLog // told of the uploads that copies in parts begin; nil for nobody

	Credentials *Static // nil asks the chain: environment, profile, SSO, web identity, container, instance

	Subdomain     bool // with an endpoint: the bucket goes into the host name instead of the path
	RequesterPays bool
	StorageClass  string // such as "STANDARD_IA"; objects below 128 KiB stay in STANDARD then, as goofys has it
	SSE           string // "AES256" or "aws:kms"
	SSEKMSKeyID   string
	SSECKey       string // 32 bytes; only over TLS or to this machine
	ACL           string // a canned ACL, such as "bucket-owner-full-control"

	HTTPTimeout      time.Duration // without progress; 0 is DefaultHTTPTimeout
	OperationTimeout time.Duration // in which attempts may begin; 0 is three times HTTPTimeout
	MaxRetries       int           // further attempts after the first; 0 is DefaultMaxRetries, below 0 none
	RetryBase        time.Duration // the first pause is at most this; 0 is 100 ms
	NoChecksums      bool          // for servers that refuse every form of them

	Version string       // of the program, for the User-Agent; "" is "devel"
	Log     *slog.Logger // nil discards
	Debug   *slog.Logger // gets a line for each request (--debug_s3); nil is off
}

// Store is one bucket, or what lies below a prefix of it. It implements object.Store, object.BatchDeleter,
// object.UploadLister and object.Prober.
type Store struct {
	client      *s3.Client
	credentials *credentialSource
	transport   *transport
	bucket      string
	prefix      string // "" or with a slash at its end
	region      string
	opts        Options
	log         *slog.Logger
	sums        atomic.Int32 // a sumMode
	sumsSure    atomic.Bool  // the server has confirmed a CRC64NVME
	probe       probe
	// lyingSums: a copied part is answered with the checksum of its whole source, as versitygw 1.8.0 does, which then
	// stores it as that of the object. Uploads are made without checksums there; found out by the probe.
	lyingSums atomic.Bool

	life context.Context // of work that outlives who asked for it; ended by stop
	stop context.CancelFunc
	work sync.WaitGroup
}

var (
	_ object.Store        = (*Store)(nil)
	_ object.BatchDeleter = (*Store)(nil)
	_ object.UploadLister = (*Store)(nil)
	_ object.Prober       = (*Store)(nil)
)

// Open finds the bucket's region and asks for its first name, so that it tells a wrong bucket (KindNoBucket), refused
// credentials (KindDenied), a region that cannot be corrected (KindWrongRegion) and an address where nobody answers
// (KindUnavailable or KindTimeout) before anything is mounted.
func Open(ctx context.Context, opts Options) (*Store, error) {
	opts, err := opts.checked()
	if err != nil {
		return nil, &object.Error{Op: "Open", Kind: object.KindInvalid, Err: err}
	}
	s := &Store{bucket: opts.Bucket, opts: opts, log: opts.Log}
	s.life, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if p := strings.Trim(opts.Prefix, "/"); p != "" {
		s.prefix = p + "/"
	}
	if opts.NoChecksums {
		s.sums.Store(int32(sumNone))
	}
	if err := s.connect(ctx); err != nil {
		s.stop()
		return nil, err
	}
	patient := s.opts
	s.opts.MaxRetries = min(s.opts.MaxRetries, openRetries)
	if err := s.preflight(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	s.opts = patient
	return s, nil
}

// Close ends a probe that still runs and gives the idle connections back. Other requests are not touched: who began
// them ends their contexts.
func (s *Store) Close() error {
	s.stop()
	s.work.Wait()
	s.transport.CloseIdleConnections()
	return nil
}

// Region is where the bucket was found.
func (s *Store) Region() string { return s.region }

// checked returns o with its defaults filled in, or what is wrong with it.
func (o Options) checked() (Options, error) {
	if o.Bucket == "" {
		return o, errors.New("no bucket is named")
	}
	if o.SSECKey != "" && len(o.SSECKey) != 32 {
		return o, fmt.Errorf("an SSE-C key has 32 bytes, this one has %d", len(o.SSECKey))
	}
	if o.SSECKey != "" && o.SSE != "" {
		return o, errors.New("SSE-C and another server-side encryption exclude each other")
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return o, fmt.Errorf("the endpoint %q is no http or https URL", o.Endpoint)
		}
		if o.SSECKey != "" && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			return o, errors.New("an SSE-C key must not be sent without TLS")
		}
	}
	if o.Credentials != nil && (o.Credentials.KeyID == "" || o.Credentials.Secret == "") {
		return o, errors.New("credentials need a key id and a secret")
	}
	if o.HTTPTimeout <= 0 {
		o.HTTPTimeout = DefaultHTTPTimeout
	}
	if o.OperationTimeout <= 0 {
		o.OperationTimeout = defaultOperationTimeouts * o.HTTPTimeout
	}
	switch {
	case o.MaxRetries == 0:
		o.MaxRetries = DefaultMaxRetries
	case o.MaxRetries < 0:
		o.MaxRetries = 0
	}
	if o.RetryBase <= 0 {
		o.RetryBase = defaultRetryBase
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
