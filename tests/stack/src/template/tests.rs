//! The templates that are read, and those that are refused, with the reasons.

use super::*;

const FIXTURE: &str = include_str!("../../tests/served/template.yaml");

fn read(text: &str) -> Result<Template, String> {
    read_with(text, &[])
}

fn read_with(text: &str, given: &[(&str, &str)]) -> Result<Template, String> {
    let read = || {
        let document = Document::parse(text)?;
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let values = document.parameters.values(&given.collect())?;
        let stored = document.parameters.stored(&values);
        let stored = stored
            .map(|(name, _)| (name.clone(), "stored".to_owned()))
            .collect();
        document.resolve(&Supplied {
            place: &Place::default(),
            parameters: &document.parameters.references(&values, &stored),
            queue_url: &|name| format!("http://queues/{name}"),
        })
    };
    read().map_err(|error: Error| error.to_string())
}

fn function<'t>(template: &'t Template, id: &str) -> &'t functions::Function {
    template
        .functions
        .iter()
        .find(|function| function.id == id)
        .unwrap()
}

#[test]
fn a_function_has_its_own_properties_over_the_global_ones() {
    let template = read(FIXTURE).unwrap();
    let main = function(&template, "Main");
    assert_eq!(
        (main.timeout.as_secs(), main.memory_mb, main.concurrency_max),
        (1, 256, 4)
    );
    let variable = |name: &str| {
        main.environment
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        variable("QUEUE_URL"),
        Some("http://queues/velro-local-jobs")
    );
    assert_eq!(variable("TABLE"), Some("velro-local-rows"));
    assert_eq!(variable("PUBLIC_KEYS"), Some("stored"));
    assert_eq!(variable("OWN"), None);
}

#[test]
fn a_condition_decides_about_values_and_whole_resources() {
    let blue = read_with(FIXTURE, &[("Colour", "blue")]).unwrap();
    assert!(
        blue.functions
            .iter()
            .any(|function| function.id == "Secondly")
    );
    let own = ("OWN".to_owned(), "blue".to_owned());
    assert!(function(&blue, "Main").environment.contains(&own));
    let green = read(FIXTURE).unwrap();
    assert!(
        !green
            .functions
            .iter()
            .any(|function| function.id == "Secondly")
    );
}

#[test]
fn a_function_may_do_what_the_one_may_whose_role_it_shares() {
    let worker = "Variables: { FIXTURE_MODE: !Ref WorkerMode }";
    let policies = "Policies: [{ Statement: [{ Effect: Allow, Action: [sqs:SendMessage], Resource: !GetAtt Jobs.Arn }] }]";
    let text = FIXTURE.replacen(worker, &format!("{worker}\n      {policies}"), 1);
    let main = "ReservedConcurrentExecutions: 4";
    let shared = |role: &str| {
        let role = format!("{main}\n      Role: !GetAtt {role}.Arn");
        read(&text.replacen(main, &role, 1))
    };
    let template = shared("WorkerRole").unwrap();
    let may = |id: &str| function(&template, id).statements.len();
    assert_eq!((may("Main"), may("Worker")), (1, 1));
    let refused = shared("MainRole").unwrap_err();
    assert!(
        refused.contains("must be the role that SAM makes for another function"),
        "{refused}"
    );
}

#[test]
fn routes_know_their_authorizer_unless_they_opt_out() {
    let api = read(FIXTURE).unwrap().api.unwrap();
    let authorizer = |path: &str| {
        api.routes
            .iter()
            .find(|route| route.path == path)
            .map(|route| route.authorizer)
    };
    assert_eq!(authorizer("/private"), Some(Some(0)));
    assert_eq!(authorizer("/things/{id}"), Some(None));
    assert_eq!(authorizer("/{proxy+}"), Some(None));
    assert_eq!(api.authorizers[0].headers, ["authorization"]);
    assert_eq!(api.throttles[0].path, "/throttled");
}

/// A template whose one route is spelled out.
const SPELLED_OUT: &str = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Auth:
        DefaultAuthorizer: Caller
        ApiKeyRequired: true
        Authorizers:
          Caller:
            FunctionArn: !Ref Main.Alias
            FunctionPayloadType: REQUEST
            Identity: { Headers: [Authorization], ReauthorizeEvery: 60 }
      DefinitionBody:
        openapi: 3.0.1
        info: { title: Api, version: "1.0" }
        paths:
          /things:
            get: { responses: {}, x-amazon-apigateway-integration: { type: aws_proxy, httpMethod: POST, credentials: &calls !GetAtt Calls.Arn, uri: !Sub ["arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations", { Function: !Ref Main.Alias }] } }
            post: { security: [{ NONE: [] }, { api_key_false: [] }], responses: {}, x-amazon-apigateway-integration: { type: aws_proxy, httpMethod: POST, credentials: *calls, uri: !Sub ["arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations", { Function: !Ref Main.Alias }] } }
  Main:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: main } }
    Properties: { Handler: bootstrap, Runtime: provided.al2023, AutoPublishAlias: live }
  Calls:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{ Effect: Allow, Principal: { Service: apigateway.amazonaws.com }, Action: sts:AssumeRole }]
      Policies:
        - PolicyName: Calls
          PolicyDocument:
            Statement: [{ Effect: Allow, Action: [lambda:InvokeFunction], Resource: [!Ref Main.Alias] }]
"#;

#[test]
fn a_route_that_is_spelled_out_calls_its_function_as_a_role_that_may_do_so() {
    let text = SPELLED_OUT;
    let api = read(text).unwrap().api.unwrap();
    let route = |method: &str| {
        let found = api.routes.iter().find(|route| route.method == method);
        let route = found.unwrap();
        (route.function, route.authorizer, route.key_required)
    };
    assert_eq!(route("GET"), (0, Some(0), true));
    assert_eq!(route("POST"), (0, None, false));
    let event = "AutoPublishAlias: live, Events: { Get: { Type: Api, Properties: { RestApiId: !Ref Api, Path: /x, Method: GET } } }";
    for (written, instead, problem) in [
        (
            "Service: apigateway",
            "Service: events",
            "lets API Gateway call",
        ),
        (
            "[!Ref Main.Alias]",
            "[!GetAtt Main.Arn]",
            "lets API Gateway call",
        ),
        (
            "lambda:InvokeFunction",
            "lambda:GetFunction",
            "lets API Gateway call",
        ),
        (
            "!GetAtt Calls.Arn",
            "!GetAtt MainRole.Arn",
            "lets API Gateway call",
        ),
        (
            "Function: !Ref Main.Alias",
            "Function: !GetAtt Main.Arn",
            "by its alias if it has one",
        ),
        ("type: aws_proxy", "type: http_proxy", "must be aws_proxy"),
        ("NONE: []", "Unknown: []", "unknown authorizer"),
        ("openapi: 3.0.1", "openapi: 3.1.0", "must be 3.0.1"),
        (
            "          /things:",
            "          things:",
            "must begin with /",
        ),
        ("            post:", "            fetch:", "is no method"),
        (
            "AutoPublishAlias: live",
            event,
            "does nothing beside DefinitionBody",
        ),
    ] {
        assert!(text.contains(written), "{written}");
        let refused = read(&text.replace(written, instead)).unwrap_err();
        assert!(refused.contains(problem), "{instead}: {refused}");
    }
}

#[test]
fn a_dead_letter_queue_comes_before_the_queue_that_uses_it() {
    let template = read(FIXTURE).unwrap();
    let names: Vec<&str> = template
        .queues
        .iter()
        .map(|queue| queue.name.as_str())
        .collect();
    assert_eq!(names, ["velro-local-dead", "velro-local-jobs"]);
    let redrive = Some(("velro-local-dead".to_owned(), 3));
    assert_eq!(template.queues[1].redrive, redrive);
}

/// The preflights of these tests' template.
const CORS: &str =
    r#"Cors: { AllowOrigin: "'*'", AllowHeaders: "'Authorization'", MaxAge: "'600'" }"#;

/// Checks that the template with `to` in place of `from` is refused with `expected`, for each of these.
fn refused<const N: usize>(cases: [(&str, &str, &str); N]) {
    for (from, to, expected) in cases {
        assert!(FIXTURE.contains(from), "{from}");
        let problem = read(&FIXTURE.replacen(from, to, 1)).unwrap_err();
        assert!(problem.contains(expected), "{to}: {problem}");
    }
}

#[test]
fn what_is_not_supported_of_an_api_is_refused_with_its_place() {
    refused([
        (CORS, "Cors: '*'", "Properties.Cors must be a mapping"),
        (
            CORS,
            "Cors: { AllowOrigin: '*' }",
            "Properties.Cors.AllowOrigin must be text between single quotes",
        ),
        (
            CORS,
            "Cors: { AllowOrigin: \"'*'\", AllowCredentials: true }",
            "Cors.AllowCredentials is not supported",
        ),
        (
            "StageName: v1",
            "StageName: v1\n      DefinitionUri: api.yaml",
            "Properties.DefinitionUri is not supported",
        ),
        (
            "FunctionPayloadType: REQUEST",
            "FunctionPayloadType: TOKEN",
            "FunctionPayloadType must be REQUEST",
        ),
        (
            "DefaultAuthorizer: Caller",
            "DefaultAuthorizer: Nobody",
            "names the unknown authorizer Nobody",
        ),
        (
            "Path: /other",
            "Path: /private",
            "serves GET /private, which is served already",
        ),
    ]);
}

#[test]
fn what_is_not_supported_of_a_function_is_refused_with_its_place() {
    refused([
        (
            "Timeout: 10",
            "VpcConfig: {}",
            "Properties.VpcConfig is not supported",
        ),
        (
            "Timeout: 10",
            "Timeout: 901",
            "Timeout must be a whole number from 1 to 900",
        ),
        (
            "Handler: bootstrap",
            "Handler: bootstrap\n    Role: !GetAtt MainRole.Arn",
            "Globals.Function.Role is not supported",
        ),
        (
            "Timeout: 10",
            "Policies: []",
            "Globals.Function.Policies is not supported",
        ),
        (
            "Handler: bootstrap",
            "Handler: index.handler",
            "Handler must be bootstrap",
        ),
        (
            "Binary: main",
            "Binary: worker",
            "has the name worker, which another resource has too",
        ),
        (
            "{ Binary: main }",
            "{}",
            "names no binary in Metadata.BuildProperties.Binary",
        ),
    ]);
}

#[test]
fn what_is_not_supported_of_an_event_or_its_queue_is_refused_with_its_place() {
    refused([
        (
            "VisibilityTimeout: 2",
            "VisibilityTimeout: 0",
            "VisibilityTimeout is below the function's Timeout",
        ),
        (
            "VisibilityTimeout: 2",
            "FifoQueue: true",
            "Properties.FifoQueue is not supported",
        ),
        (
            "BatchSize: 10",
            "BatchSize: 11",
            "needs MaximumBatchingWindowInSeconds",
        ),
        (
            "cron(0 3 * * ? *)",
            "at(2027-01-01T00:00:00)",
            "ScheduleExpression must be rate(...) or cron(...)",
        ),
        (
            "Type: ScheduleV2",
            "Type: HttpApi",
            "is HttpApi, which is not supported",
        ),
        (
            "Type: ScheduleV2",
            "Type: SQS",
            "write an AWS::Lambda::EventSourceMapping",
        ),
        (
            "EventSourceArn: !GetAtt Jobs.Arn",
            "EventSourceArn: arn:aws:sqs:x:1:other",
            "reads other, which is no queue here",
        ),
    ]);
}

#[test]
fn what_is_not_supported_of_storage_is_refused_with_its_place() {
    refused([
        (
            "Type: AWS::S3::Bucket",
            "Type: AWS::SNS::Subscription",
            "Resources.Media has the type AWS::SNS::Subscription",
        ),
        (
            "PublicAccessBlockConfiguration: { BlockPublicAcls: true }",
            "LifecycleConfiguration: { Rules: [{ Status: Enabled }] }",
            "names a rule that forgets nothing known here",
        ),
        (
            "PublicAccessBlockConfiguration: { BlockPublicAcls: true }",
            "LifecycleConfiguration: { Rules: [{ Status: Enabled, ExpirationInDays: 1, \
             AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }] }",
            "LifecycleConfiguration.Rules.ExpirationInDays is not supported",
        ),
        (
            "BillingMode: PAY_PER_REQUEST",
            "BillingMode: PROVISIONED",
            "BillingMode must be PAY_PER_REQUEST",
        ),
    ]);
}

#[test]
fn a_usage_plan_with_a_wrong_route_or_key_is_refused_with_its_place() {
    refused([
        (
            "ResourcePath: /~1throttled",
            "ResourcePath: /throttled",
            "must have its slashes, but for the first, written as ~1",
        ),
        (
            "ResourcePath: /~1throttled",
            "ResourcePath: /~1missing",
            "throttles GET /missing, which is no route",
        ),
        (
            "/counted/apart/GET",
            "/counted/aside/GET",
            "throttles GET /counted/aside, which is no route",
        ),
        (
            "Value: the-usage-key-of-alice",
            "Value: too-short",
            "must have 20 to 128 characters",
        ),
        (
            "KeyId: !Ref KeyOfBob",
            "KeyId: !Ref KeyOfAlice",
            "puts a key into a second usage plan",
        ),
        ("Period: DAY", "Period: WEEK", "must be DAY"),
    ]);
}

#[test]
fn a_reference_to_nothing_is_refused_with_its_place() {
    refused([
        (
            "!GetAtt Dead.QueueName",
            "!GetAtt Dead.Colour",
            "Dead has no attribute Colour",
        ),
        (
            "!Ref Rows",
            "!Ref Row",
            "refers to Row, which the template does not have",
        ),
        ("${AWS::Region}", "${AWS::Regio}", "refers to AWS::Regio"),
    ]);
}

#[test]
fn what_is_not_supported_of_a_whole_template_is_refused_with_its_place() {
    refused([
        (
            "Outputs:",
            "Mappings: {}\nOutputs:",
            "Mappings is not supported",
        ),
        (
            "Transform: AWS::Serverless-2016-10-31",
            "",
            "Transform must be",
        ),
        ("Outputs:", "Outputs: [", "is not valid YAML"),
        (
            "  Alarm:",
            "  Alarm:\n    CreationPolicy: {}",
            "Resources.Alarm.CreationPolicy is not supported",
        ),
    ]);
}

#[test]
fn the_same_key_twice_is_refused() {
    let problem = read(&FIXTURE.replacen("  Main:", "  Worker:", 1)).unwrap_err();
    assert!(problem.contains("not valid YAML"), "{problem}");
}
