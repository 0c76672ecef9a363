package config

import (
	"fmt"
	"strings"
)

// Keys are static credentials: one set, from one source.
type Keys struct {
	ID, Secret, Token string
	Source            Source // of the ID
}

// keyNames are the variables of a set; the pair for S3 alone wins wherever it stands, since AWS_* of a ROMA project
// may belong to its local MinIO.
var keyNames = [...]struct{ id, secret, token string }{
	{"AWS_ACCESS_KEY_ID_S3", "AWS_SECRET_ACCESS_KEY_S3", "AWS_SESSION_TOKEN_S3"},
	{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
}

// credentials finds the set of keys or the profile. Neither means that the SDK's own chain decides: the shared files,
// SSO, web identity, the container or the machine.
func (c *Config) credentials(layers []layer, flags flagValues) {
	if profile, ok := flags.last("profile"); ok && profile != "" {
		return
	}
	for _, names := range keyNames {
		for _, l := range layers {
			id, idFrom, hasID := l.get(names.id)
			secret, secretFrom, hasSecret := l.get(names.secret)
			token, tokenFrom, hasToken := l.get(names.token)
			switch {
			case hasID && hasSecret:
				c.S3.Keys = &Keys{ID: id, Secret: secret, Token: token, Source: idFrom}
				c.checkKeys(*c.S3.Keys)
				return
			case hasID:
				c.halfPair(idFrom, names.secret)
				return
			case hasSecret:
				c.halfPair(secretFrom, names.id)
				return
			case hasToken:
				c.halfPair(tokenFrom, names.id+" and "+names.secret)
				return
			}
			if profile, from, ok := l.get("AWS_PROFILE"); ok && names.id == "AWS_ACCESS_KEY_ID" {
				c.S3.Profile = profile
				c.set("profile", profile, from)
				return
			}
		}
	}
}

func (c *Config) halfPair(have Source, missing string) {
	c.problem(Problem{What: fmt.Sprintf("cannot use %s: %s is not set beside it", have, missing),
		Hint: "key id, secret and session token are one set and must come from one place: set both there, or neither"})
}

// checkKeys tells of keys that are no keys: an example's text, or blanks and quotes that were copied along.
func (c *Config) checkKeys(k Keys) {
	for _, v := range []string{k.ID, k.Secret} {
		lower := strings.ToLower(v)
		if strings.HasPrefix(lower, "your_") || strings.HasPrefix(lower, "your-") || strings.HasPrefix(lower, "<your") {
			c.problem(Problem{Warning: true, What: fmt.Sprintf("the keys of %s still have the text of the example", k.Source),
				Hint: "put your own keys there, or remove both lines to use ~/.aws or the machine's role"})
			return
		}
		if strings.ContainsAny(v, " \t\r\n\"'") {
			c.problem(Problem{Warning: true, What: fmt.Sprintf("the keys of %s have a blank or a quote in them", k.Source),
				Hint: "copy them again, without quotes and blanks around"})
			return
		}
	}
}

// passedOn are variables that the SDK and Go's HTTP client read from the process environment: where only a file has
// one, the program sets it for itself.
var passedOn = []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AWS_ROLE_ARN",
	"AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED",
	"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "HTTPS_PROXY", "HTTP_PROXY",
	"NO_PROXY"}

func (c *Config) passOn(layers []layer) {
	for _, name := range passedOn {
		for _, l := range layers {
			value, _, ok := l.get(name)
			if ok && l.kind == SourceEnvironment {
				break
			}
			if ok {
				if strings.HasSuffix(name, "_FILE") || name == "AWS_CA_BUNDLE" {
					value = strings.ReplaceAll(value, "${HOME}", c.home)
				}
				c.Export = append(c.Export, Variable{Name: name, Value: value})
				break
			}
		}
	}
}

// foreign are variables that look as if they were ours.
var foreign = []string{"AWS_S3_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL"}

func (c *Config) noteForeign(layers []layer) {
	for _, name := range foreign {
		for _, l := range layers {
			if _, from, ok := l.get(name); ok {
				c.note("%s is ignored: it belongs to another program; the endpoint is --endpoint or AWS_ENDPOINT_URL_S3", from)
				break
			}
		}
	}
}
